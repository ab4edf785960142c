import { filledSpec, matrixSpec } from "../../nn/init.ts";
import type { ParamSpec } from "../../nn/spec.ts";
import { randomTaps } from "../../nn/token-shift.ts";
import { logRates, stepBias, type ConvolutionParams } from "../shared/recurrent-params.ts";
import type { GatedDeltaNetConfig } from "./config.ts";

/** Weights of a Gated DeltaNet layer; in brackets the letters of the paper. */
export type GatedDeltaNetParams<T, W = T> = {
  readonly query: W; // [H*d, D]
  readonly key: W; // [H*d, D]
  readonly value: W; // [H*d, D]
  /** Of queries, keys and values side by side: taps [4, 3*H*d]. */
  readonly convolution: ConvolutionParams<T>;
  readonly write: W; // [H, D]  (beta)
  readonly forget: W; // [H, D]  (a, from which alpha is computed)
  readonly forgetBias: T; // [H]
  /** log of how fast a head forgets. */
  readonly logRate: T; // [H]
  readonly outputGate: W; // [H*d, D]  (g)
  readonly norm: T; // [d]
  readonly output: W; // [D, H*d]
};

/**
 * Fresh weights, as published: rates uniform in 0..16, but never zero; a forget bias whose softplus is log-uniform in
 * 0.001..0.1; taps uniform in -1/2..1/2. Projections keep the variance of their input; `outputGain` scales the last.
 */
export function gatedDeltaNetSpecs(
  { modelDim: D, numHeads: H, headDim: d }: GatedDeltaNetConfig,
  outputGain: number,
): GatedDeltaNetParams<ParamSpec> {
  return {
    query: matrixSpec("query", D, H * d),
    key: matrixSpec("key", D, H * d),
    value: matrixSpec("value", D, H * d),
    convolution: { taps: randomTaps("taps", 3 * H * d) },
    write: matrixSpec("write", D, H),
    forget: matrixSpec("forget", D, H),
    forgetBias: stepBias("forget bias", H),
    logRate: logRates("rate", H, 0.01, 16),
    outputGate: matrixSpec("output gate", D, H * d),
    norm: filledSpec("norm", [d], 1),
    output: matrixSpec("output", H * d, D, outputGain),
  };
}
