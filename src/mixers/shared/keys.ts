import { concat } from "../../graph/builder.ts";
import { zeros, type FloatTensor } from "../../tensor/host-tensor.ts";
import type { Tensor } from "../../graph/tensor.ts";

/** Keys and values of the same tokens, without positions. */
export type KeysAndValues<T> = { readonly keys: T; readonly values: T };

/** Of no tokens yet: zeros [B, K, rows, d]. */
export function emptyKeys(
  { numKeyValueHeads, headDim }: { readonly numKeyValueHeads: number; readonly headDim: number },
  rows: number,
  batch: number,
): KeysAndValues<FloatTensor> {
  const none = zeros([batch, numKeyValueHeads, rows, headDim]);
  return { keys: none, values: none };
}

/** Rows [.., N, d] of one after those of the other. */
export function joinKeys(before: KeysAndValues<Tensor>, own: KeysAndValues<Tensor>): KeysAndValues<Tensor> {
  return { keys: concat([before.keys, own.keys], -2), values: concat([before.values, own.values], -2) };
}
