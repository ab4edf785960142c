import type { FloatTensor } from "../../graph/host-tensor.ts";
import { weight } from "../../nn/init.ts";
import type { Rng } from "../../random.ts";
import type { WindowConfig } from "./config.ts";

/** Weights of a layer of sliding-window attention; K key/value heads, each for G = H / K query heads. */
export type WindowParams<T> = {
  readonly query: T; // [D, H*d]
  readonly key: T; // [D, K*d]
  readonly value: T; // [D, K*d]
  readonly output: T; // [H*d, D]
};

/** Fresh weights; `outputGain` scales the last projection. */
export function initWindowParams(config: WindowConfig, rng: Rng, outputGain: number): WindowParams<FloatTensor> {
  const { modelDim, numHeads, numKeyValueHeads, headDim } = config;
  return {
    query: weight(modelDim, numHeads * headDim, rng.fork("query")),
    key: weight(modelDim, numKeyValueHeads * headDim, rng.fork("key")),
    value: weight(modelDim, numKeyValueHeads * headDim, rng.fork("value")),
    output: weight(numHeads * headDim, modelDim, rng.fork("output"), outputGain),
  };
}
