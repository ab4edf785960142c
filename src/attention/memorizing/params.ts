import { filled, zeros, type FloatTensor } from "../../graph/host-tensor.ts";
import { weight } from "../../nn/init.ts";
import type { Rng } from "../../random.ts";
import type { MemorizingConfig } from "./config.ts";

/** Weights of a layer; K key/value heads, each for G = H / K query heads. */
export type MemorizingParams<T> = {
  readonly query: T; // [D, H*d]
  readonly key: T; // [D, K*d]
  readonly value: T; // [D, K*d]
  readonly output: T; // [H*d, D]
  /** b_h: sigmoid(b_h) is the share of what was retrieved. */
  readonly gate: T; // [H]
  /** Factor on the cosines of the retrieval; its sign does not count. */
  readonly scale: T; // [H]
};

/** Fresh weights; `outputGain` scales the output projection. Gates begin at 0, half open. */
export function initMemorizingParams(
  config: MemorizingConfig,
  rng: Rng,
  outputGain: number,
): MemorizingParams<FloatTensor> {
  const { modelDim: D, numHeads: H, numKeyValueHeads: K, headDim: d, scaleInit } = config;
  return {
    query: weight(D, H * d, rng.fork("query")),
    key: weight(D, K * d, rng.fork("key")),
    value: weight(D, K * d, rng.fork("value")),
    output: weight(H * d, D, rng.fork("output"), outputGain),
    gate: zeros([H]),
    scale: filled([H], scaleInit),
  };
}
