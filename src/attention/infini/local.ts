import {
  add,
  constant,
  iota,
  less,
  matmul,
  matrixTranspose,
  mul,
  reshape,
  softmax,
  where,
} from "../../graph/builder.ts";
import { floatTensor, type Shape } from "../../graph/host-tensor.ts";
import { axisSize } from "../../graph/infer.ts";
import type { Tensor } from "../../graph/tensor.ts";

/** Scores of pairs that may not see each other: large enough to vanish, small enough to stay finite. */
const HIDDEN = -1e30;

/** Adds to scores [.., N, N] what hides later keys from each query. */
export function causalMask(length: number): (scores: Tensor) => Tensor {
  const data = Float32Array.from({ length: length * length }, (_, i) =>
    i % length > Math.floor(i / length) ? HIDDEN : 0,
  );
  const mask = constant(floatTensor([length, length], data));
  return (scores) => add(scores, mask);
}

/** As {@link causalMask}, for queries that stand at `offset`, offset + 1, .. of a segment: scores [.., C, N]. */
export function causalMaskFrom(offset: Tensor): (scores: Tensor) => Tensor {
  return (scores) => {
    const [queries, keys] = [axisSize(scores.shape, scores.shape.length - 2), scores.shape.at(-1) ?? 0];
    const firstHidden = add(add(reshape(iota(queries), [queries, 1]), offset), one());
    return where(less(iota(keys), firstHidden), scores, HIDDEN);
  };
}

/**
 * Eq. 6: A_dot = softmax(Q K^T / sqrt(d)) V inside each segment. The paper prints sqrt(d_model); every
 * implementation divides by sqrt(d_head), as here.
 *
 * @param q [.., G, C, d], with positions
 * @param k [.., N, d], with positions; shared by the G query heads, as is v [.., N, d]
 * @returns [.., G, C, d]
 */
export function localAttention(q: Tensor, k: Tensor, v: Tensor, mask: (scores: Tensor) => Tensor): Tensor {
  const scale = 1 / Math.sqrt(axisSize(q.shape, q.shape.length - 1));
  const grouped = [...q.shape.slice(0, -1), ...k.shape.slice(-2, -1)]; // [.., G, C, N]
  const scores = matmul(mergeGroups(mul(q, scale)), matrixTranspose(k)); // [.., G*C, N]
  const weights = softmax(mask(reshape(scores, grouped)));
  return reshape(matmul(mergeGroups(weights), v), q.shape);
}

/** [.., G, C, n] -> [.., G*C, n]: the query heads of a group meet their shared head in one product. */
export function mergeGroups(x: Tensor): Tensor {
  const [groups, rows, columns] = x.shape.slice(-3) as unknown as [number, number, number];
  const shape: Shape = [...x.shape.slice(0, -3), groups * rows, columns];
  return reshape(x, shape);
}

// --- internal ---

function one(): Tensor {
  return constant({ dtype: "int32", shape: [], data: Int32Array.of(1) });
}
