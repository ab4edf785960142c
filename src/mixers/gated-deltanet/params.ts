import { filled, type FloatTensor } from "../../tensor/host-tensor.ts";
import { weight } from "../../nn/init.ts";
import type { Rng } from "../../base/random.ts";
import { initialTaps } from "../../nn/token-shift.ts";
import { initialLogRates, initialStepBias, type ConvolutionParams } from "../shared/recurrent-params.ts";
import type { GatedDeltaNetConfig } from "./config.ts";

/** Weights of a Gated DeltaNet layer; in brackets the letters of the paper. */
export type GatedDeltaNetParams<T> = {
  readonly query: T; // [D, H*d]
  readonly key: T; // [D, H*d]
  readonly value: T; // [D, H*d]
  /** Of queries, keys and values side by side: taps [4, 3*H*d]. */
  readonly convolution: ConvolutionParams<T>;
  readonly write: T; // [D, H]  (beta)
  readonly forget: T; // [D, H]  (a, of which alpha is made)
  readonly forgetBias: T; // [H]
  /** log of how fast a head forgets. */
  readonly logRate: T; // [H]
  readonly outputGate: T; // [D, H*d]  (g)
  readonly norm: T; // [d]
  readonly output: T; // [H*d, D]
};

/**
 * Fresh weights, as published: rates uniform in 0..16, but never zero; a forget bias whose softplus is log-uniform in
 * 0.001..0.1; taps uniform in -1/2..1/2. Projections keep the variance of their input; `outputGain` scales the last.
 */
export function initGatedDeltaNetParams(
  { modelDim: D, numHeads: H, headDim: d }: GatedDeltaNetConfig,
  rng: Rng,
  outputGain: number,
): GatedDeltaNetParams<FloatTensor> {
  return {
    query: weight(D, H * d, rng.fork("query")),
    key: weight(D, H * d, rng.fork("key")),
    value: weight(D, H * d, rng.fork("value")),
    convolution: { taps: initialTaps(3 * H * d, rng.fork("taps")) },
    write: weight(D, H, rng.fork("write")),
    forget: weight(D, H, rng.fork("forget")),
    forgetBias: initialStepBias(H, rng.fork("forget bias")),
    logRate: initialLogRates(H, 0.01, 16, rng.fork("rate")),
    outputGate: weight(D, H * d, rng.fork("output gate")),
    norm: filled([d], 1),
    output: weight(H * d, D, rng.fork("output"), outputGain),
  };
}
