import { zeros, type FloatTensor } from "../../tensor/host-tensor.ts";
import { weight } from "../../nn/init.ts";
import type { Rng } from "../../base/random.ts";
import { initProjections, type ProjectionParams } from "../shared/projections.ts";
import type { CompressiveConfig } from "./config.ts";

/** Weights of a layer; K key/value heads, each for G = H / K query heads. */
export type CompressiveParams<T> = ProjectionParams<T> & {
  /** f_c: a convolution whose kernel is as long as its stride; trained by the auxiliary loss alone. */
  readonly compression: { readonly kernel: T; readonly bias: T }; // [r*D, D], [D]
};

/** Fresh weights; `outputGain` scales the output projection. */
export function initCompressiveParams(
  config: CompressiveConfig,
  rng: Rng,
  outputGain: number,
): CompressiveParams<FloatTensor> {
  const { modelDim: D, rate } = config;
  return {
    ...initProjections(config, rng, outputGain),
    compression: { kernel: weight(rate * D, D, rng.fork("compression")), bias: zeros([D]) },
  };
}
