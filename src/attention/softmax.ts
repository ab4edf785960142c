import { matmul, matrixTranspose, reshape, softmax } from "../graph/builder.ts";
import type { Tensor } from "../graph/tensor.ts";
import { mergeGroups } from "./heads.ts";

/* Softmax attention in its two halves, between which masks and other scores can come. */

/** Scores of pairs that may not see each other: large enough to vanish, small enough to stay finite. */
export const HIDDEN = -1e30;

/** q k^T for queries [.., G, C, d] and keys [.., keys, d], which the G query heads share -> [.., G, C, keys] */
export function scoresOf(q: Tensor, k: Tensor): Tensor {
  const grouped = [...q.shape.slice(0, -1), ...k.shape.slice(-2, -1)];
  return reshape(matmul(mergeGroups(q), matrixTranspose(k)), grouped);
}

/** softmax(scores) v for scores [.., G, C, keys] and values [.., keys, d] -> [.., G, C, d] */
export function weightedValues(scores: Tensor, v: Tensor): Tensor {
  const grouped = [...scores.shape.slice(0, -1), ...v.shape.slice(-1)];
  return reshape(matmul(mergeGroups(softmax(scores)), v), grouped);
}
