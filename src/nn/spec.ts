import type { Rng } from "../base/random.ts";
import type { FloatTensor, Shape } from "../tensor/host-tensor.ts";
import { mapTree, type Tree } from "../tensor/tree.ts";

/**
 * What a parameter is for, which decides how it is stored and trained: a `matrix` and an `embedding` may be kept in few bits and
 * decay; a `norm`, a `bias` and a `gate` stay float32 and do not; a `gate` has its own learning rate.
 */
export type ParamRole = "matrix" | "embedding" | "norm" | "gate" | "bias";

/** A parameter before there is a value: all that counting, loading, training and fresh weights need to know. */
export interface ParamSpec {
  readonly shape: Shape;
  readonly role: ParamRole;
  /** The value to begin training with. The same source gives the same value. */
  init(rng: Rng): FloatTensor;
}

/** The specs of a part of a model, each drawn from a fork of the source that it is given: parts do not depend on each other. */
export function forked<Specs extends Tree<ParamSpec>>(label: string, specs: Specs): Specs {
  return mapTree<Specs>(specs, (leaf) => {
    const spec = leaf as ParamSpec;
    return { ...spec, init: (rng: Rng) => spec.init(rng.fork(label)) };
  });
}

/** Fresh values of all parameters. */
export function initialize<Params>(specs: Tree<ParamSpec>, rng: Rng): Params {
  return mapTree<Params>(specs, (leaf) => (leaf as ParamSpec).init(rng));
}
