import type { FloatTensor } from "../../tensor/host-tensor.ts";
import { normal, weight } from "../../nn/init.ts";
import type { Rng } from "../../base/random.ts";
import type { TransformerXlConfig } from "./config.ts";

/** Weights of a layer of Transformer-XL. */
export type TransformerXlParams<T> = {
  readonly query: T; // [D, H*d]
  readonly key: T; // [D, H*d]  W_k,E
  readonly value: T; // [D, H*d]
  readonly position: T; // [D, H*d]  W_k,R
  /** u: what a query asks of every key; the original has one for all layers, as it has of v. */
  readonly contentBias: T; // [H, d]
  /** v: what a query asks of every distance. */
  readonly positionBias: T; // [H, d]
  readonly output: T; // [H*d, D]
};

/** Standard deviation of u and v to begin with, as in the original code. */
const BIAS_DEVIATION = 0.02;

/** Fresh weights; `outputGain` scales the last projection. */
export function initTransformerXlParams(
  { modelDim: D, numHeads: H, headDim: d }: TransformerXlConfig,
  rng: Rng,
  outputGain: number,
): TransformerXlParams<FloatTensor> {
  return {
    query: weight(D, H * d, rng.fork("query")),
    key: weight(D, H * d, rng.fork("key")),
    value: weight(D, H * d, rng.fork("value")),
    position: weight(D, H * d, rng.fork("position")),
    contentBias: normal([H, d], BIAS_DEVIATION, rng.fork("content bias")),
    positionBias: normal([H, d], BIAS_DEVIATION, rng.fork("position bias")),
    output: weight(H * d, D, rng.fork("output"), outputGain),
  };
}
