import { gaussianSpec, matrixSpec } from "../../nn/init.ts";
import type { ParamSpec } from "../../nn/spec.ts";
import type { TransformerXlConfig } from "./config.ts";

/** Weights of a layer of Transformer-XL. */
export type TransformerXlParams<T, W = T> = {
  readonly query: W; // [H*d, D]
  readonly key: W; // [H*d, D]  W_k,E
  readonly value: W; // [H*d, D]
  readonly position: W; // [H*d, D]  W_k,R
  /** u: what a query asks of every key; the original has one for all layers, and likewise for v. */
  readonly contentBias: T; // [H, d]
  /** v: what a query asks of every distance. */
  readonly positionBias: T; // [H, d]
  readonly output: W; // [D, H*d]
};

/** Initial standard deviation of u and v, as in the original code. */
const BIAS_DEVIATION = 0.02;

/** `outputGain` scales the last projection. */
export function transformerXlSpecs(
  { modelDim: D, numHeads: H, headDim: d }: TransformerXlConfig,
  outputGain: number,
): TransformerXlParams<ParamSpec> {
  return {
    query: matrixSpec("query", D, H * d),
    key: matrixSpec("key", D, H * d),
    value: matrixSpec("value", D, H * d),
    position: matrixSpec("position", D, H * d),
    contentBias: gaussianSpec("content bias", "bias", [H, d], BIAS_DEVIATION),
    positionBias: gaussianSpec("position bias", "bias", [H, d], BIAS_DEVIATION),
    output: matrixSpec("output", H * d, D, outputGain),
  };
}
