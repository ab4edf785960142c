import { filledSpec, matrixSpec } from "../../nn/init.ts";
import type { ParamSpec } from "../../nn/spec.ts";
import { randomTaps } from "../../nn/token-shift.ts";
import { logRates, stepBias, type ConvolutionParams } from "../shared/recurrent-params.ts";
import { mamba2Sizes, type Mamba2Config } from "./config.ts";

/** Weights of a Mamba-2 layer, named for their counterparts in attention; in brackets the letters of the paper. */
export type Mamba2Params<T, W = T> = {
  readonly value: W; // [I, D]  (x)
  readonly key: W; // [n, D]  (B)
  readonly query: W; // [n, D]  (C)
  readonly outputGate: W; // [I, D]  (z)
  readonly step: W; // [H, D]  (dt)
  readonly stepBias: T; // [H]
  /** Of values, keys and queries side by side: taps [4, I + 2n] and bias [I + 2n]. */
  readonly convolution: ConvolutionParams<T>;
  /** log(-A): how fast a head forgets. */
  readonly logRate: T; // [H]
  readonly skip: T; // [H]  (D)
  readonly norm: T; // [I]
  readonly output: W; // [D, I]
};

/**
 * Fresh weights, as published: -A uniform in 1..16; a step bias that alone makes steps log-uniform in 0.001..0.1; taps
 * uniform in -1/2..1/2. Projections keep the variance of their input; `outputGain` scales the last.
 */
export function mamba2Specs(config: Mamba2Config, outputGain: number): Mamba2Params<ParamSpec> {
  const { modelDim: D, stateDim } = config;
  const { inner, heads } = mamba2Sizes(config);
  const convolved = inner + 2 * stateDim;
  return {
    value: matrixSpec("value", D, inner),
    key: matrixSpec("key", D, stateDim),
    query: matrixSpec("query", D, stateDim),
    outputGate: matrixSpec("output gate", D, inner),
    step: matrixSpec("step", D, heads),
    stepBias: stepBias("step bias", heads),
    convolution: { taps: randomTaps("taps", convolved), bias: filledSpec("bias", [convolved], 0) },
    logRate: logRates("rate", heads, 1, 16),
    skip: filledSpec("bias", [heads], 1),
    norm: filledSpec("norm", [inner], 1),
    output: matrixSpec("output", inner, D, outputGain),
  };
}
