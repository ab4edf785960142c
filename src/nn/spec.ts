import type { Rng } from "../base/random.ts";
import { sizeOf, type FloatTensor, type Shape } from "../tensor/host-tensor.ts";
import { flatten, mapTree, type Tree } from "../tensor/tree.ts";

/**
 * What a parameter is for, which decides how it is stored and trained. A `matrix` [out, in] is used only by `linear`,
 * and an `embedding` is read by rows: both may be stored in few bits. A `norm` scales, a `gate` mixes and learns at a
 * rate of its own, and a `bias` is everything else: they stay float32.
 */
export type ParamRole = "matrix" | "embedding" | "norm" | "gate" | "bias";

/** A parameter before it has a value: everything that counting, loading, training and initialisation need to know. */
export interface ParamSpec {
  readonly shape: Shape;
  readonly role: ParamRole;
  /** Whether weight decay pulls it towards zero, as it does every parameter with more than one axis. */
  readonly decays: boolean;
  /** The initial value. The same source gives the same value. */
  init(rng: Rng): FloatTensor;
}

/** A parameter of any role, by how it is drawn. */
export function paramSpec(role: ParamRole, shape: Shape, init: ParamSpec["init"]): ParamSpec {
  return { shape, role, decays: shape.length > 1, init };
}

/**
 * The specs of a part of a model, each drawn from its own fork of the source, so that parts do not depend on each
 * other.
 */
export function forked<Specs extends object>(label: string, specs: Specs): Specs {
  return mapTree<Specs>(specs, (leaf) => {
    const spec = leaf as ParamSpec;
    return { ...spec, init: (rng: Rng) => spec.init(rng.fork(label)) };
  });
}

/** Fresh values of all parameters. */
export function initialize<Params = Tree<FloatTensor>>(specs: object, rng: Rng): Params {
  return mapTree<Params>(specs, (leaf) => (leaf as ParamSpec).init(rng));
}

/** Number of weights. */
export function countOf(specs: object): number {
  return Object.values(flatten<ParamSpec>(specs)).reduce((total, { shape }) => total + sizeOf(shape), 0);
}
