import { filled, zeros, type FloatTensor } from "../../tensor/host-tensor.ts";
import { weight } from "../../nn/init.ts";
import type { Rng } from "../../base/random.ts";
import { initialTaps } from "../../nn/token-shift.ts";
import { initialLogRates, initialStepBias, type ConvolutionParams } from "../shared/recurrent-params.ts";
import { mamba2Sizes, type Mamba2Config } from "./config.ts";

/** Weights of a Mamba-2 layer, named by what they do in attention; in brackets the letters of the paper. */
export type Mamba2Params<T> = {
  readonly value: T; // [D, I]  (x)
  readonly key: T; // [D, n]  (B)
  readonly query: T; // [D, n]  (C)
  readonly outputGate: T; // [D, I]  (z)
  readonly step: T; // [D, H]  (dt)
  readonly stepBias: T; // [H]
  /** Of values, keys and queries side by side: taps [4, I + 2n] and bias [I + 2n]. */
  readonly convolution: ConvolutionParams<T>;
  /** log(-A): how fast a head forgets. */
  readonly logRate: T; // [H]
  readonly skip: T; // [H]  (D)
  readonly norm: T; // [I]
  readonly output: T; // [I, D]
};

/**
 * Fresh weights, as published: -A uniform in 1..16; a step bias that alone makes steps log-uniform in 0.001..0.1; taps
 * uniform in -1/2..1/2. Projections keep the variance of their input; `outputGain` scales the last.
 */
export function initMamba2Params(config: Mamba2Config, rng: Rng, outputGain: number): Mamba2Params<FloatTensor> {
  const { modelDim: D, stateDim } = config;
  const { inner, heads } = mamba2Sizes(config);
  const convolved = inner + 2 * stateDim;
  return {
    value: weight(D, inner, rng.fork("value")),
    key: weight(D, stateDim, rng.fork("key")),
    query: weight(D, stateDim, rng.fork("query")),
    outputGate: weight(D, inner, rng.fork("output gate")),
    step: weight(D, heads, rng.fork("step")),
    stepBias: initialStepBias(heads, rng.fork("step bias")),
    convolution: {
      taps: initialTaps(convolved, rng.fork("taps")),
      bias: zeros([convolved]),
    },
    logRate: initialLogRates(heads, 1, 16, rng.fork("rate")),
    skip: filled([heads], 1),
    norm: filled([inner], 1),
    output: weight(inner, D, rng.fork("output"), outputGain),
  };
}
