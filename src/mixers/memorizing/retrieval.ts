import { kthLargest, less, matmul, matrixTranspose, mul, reshape, softmax, where } from "../../graph/builder.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { mergeGroups } from "../shared/heads.ts";
import type { Mask } from "../shared/local.ts";
import { HIDDEN } from "../../graph/limits.ts";
import type { KeysAndValues } from "../shared/keys.ts";

/**
 * Attention over the `topK` stored pairs whose keys are nearest to the query, by exact search: their values are
 * weighted by a softmax over their scaled cosines alone. Where fewer are stored, all of them count; of pairs that are
 * equally near, all or none. The choice has no gradient; the weights of the chosen pairs do.
 *
 * @param q [B, S, K, G, C, d], of unit length
 * @param store keys of unit length and values, [B, S, K, M, d] each
 * @param scale factor on the cosines [K, G, 1, 1]
 * @param hideEmpty hides rows of the store that have not been written
 * @returns [B, S, K, G, C, d]; zeros from an empty store
 */
export function retrieve(
  q: Tensor,
  store: KeysAndValues<Tensor>,
  scale: Tensor,
  topK: number,
  hideEmpty: Mask,
): Tensor {
  const M = store.keys.shape.at(-2) ?? 0;
  const products = matmul(mergeGroups(q), matrixTranspose(store.keys)); // [B, S, K, G*C, M]
  const cosines = reshape(products, [...q.shape.slice(0, -1), M]);
  const stored = hideEmpty(cosines);
  const isFar = less(stored, kthLargest(stored, topK));
  const weights = softmax(hideEmpty(where(isFar, HIDDEN, mul(cosines, scale))));
  return reshape(matmul(mergeGroups(weights), store.values), q.shape);
}
