import { zeros, type FloatTensor } from "../../graph/host-tensor.ts";
import { weight } from "../../nn/init.ts";
import type { Rng } from "../../random.ts";
import type { CompressiveConfig } from "./config.ts";

/** Weights of a layer; K key/value heads, each for G = H / K query heads. */
export type CompressiveParams<T> = {
  readonly query: T; // [D, H*d]
  readonly key: T; // [D, K*d]
  readonly value: T; // [D, K*d]
  readonly output: T; // [H*d, D]
  /** f_c: a convolution whose kernel is as long as its stride; trained by the auxiliary loss alone. */
  readonly compression: { readonly kernel: T; readonly bias: T }; // [r*D, D], [D]
};

/** Fresh weights; `outputGain` scales the output projection. */
export function initCompressiveParams(
  config: CompressiveConfig,
  rng: Rng,
  outputGain: number,
): CompressiveParams<FloatTensor> {
  const { modelDim: D, numHeads: H, numKeyValueHeads: K, headDim: d, rate } = config;
  return {
    query: weight(D, H * d, rng.fork("query")),
    key: weight(D, K * d, rng.fork("key")),
    value: weight(D, K * d, rng.fork("value")),
    output: weight(H * d, D, rng.fork("output"), outputGain),
    compression: { kernel: weight(rate * D, D, rng.fork("compression")), bias: zeros([D]) },
  };
}
