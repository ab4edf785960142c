import { constant, equal, reshape, where, type Operand } from "../../graph/builder.ts";
import { intTensor } from "../../tensor/host-tensor.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { flatten, mapTree, type Tree } from "../../tensor/tree.ts";
import type { OpenState, SequenceMixer } from "../contract.ts";

/* Operations on some lanes and not on others. */

/** One number for each lane [B], with as many axes as its other operand: [B, 1, ..]. */
export function perLane(x: Tensor, rank: number): Tensor {
  return reshape(x, [...x.shape, ...Array.from({ length: rank - 1 }, () => 1)]);
}

/** As {@link perLane} where the number is only broadcast: of a single lane it is left as it is, [1], which takes no operation. */
export function broadcastLanes(x: Tensor, rank: number): Tensor {
  return x.shape[0] === 1 ? x : perLane(x, rank);
}

/**
 * What `chosen` gives for a leaf [B, ..] of the tree in lanes whose flag (int32 [B]) is 1; the leaf itself in the
 * others.
 */
export function replaceLanes<T extends object>(
  flags: Tensor,
  tree: T,
  chosen: (leaf: Tensor, name: string) => Operand,
): T {
  const isSet = equal(flags, constant(intTensor([], Int32Array.of(1)))); // [B]
  return mapTree<T>(tree, (each, name) => {
    const leaf = each as Tensor;
    const other = chosen(leaf, name);
    return other === leaf ? leaf : where(perLane(isSet, leaf.shape.length), other, leaf);
  });
}

/** Ends the open segment in the lanes where it is full (int32 [B]); the others are unchanged. */
export function commitLanes(
  mixer: Pick<SequenceMixer, "commit">,
  params: Tree<Tensor>,
  { state, segment }: OpenState,
  isFull: Tensor,
): OpenState {
  const committed = flatten<Tensor>(mixer.commit(params, { state, segment }));
  return {
    state: replaceLanes(isFull, state, (leaf, name) => committed[name] ?? leaf),
    segment: replaceLanes(isFull, segment, () => 0),
  };
}
