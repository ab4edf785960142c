import { floatTensor, sizeOf, type FloatTensor, type Shape } from "../../tensor/host-tensor.ts";
import { inverseSoftplus } from "../../nn/softplus.ts";
import type { Rng } from "../../base/random.ts";

/* Weights that recurrences have in common, and what they are published to begin with. */

/** A short causal convolution of each of C features: taps [4, C], and what is added to it [C]. */
export type ConvolutionParams<T> = { readonly taps: T; readonly bias?: T };

/** Logarithms of rates of forgetting that are uniform between two numbers. */
export function initialLogRates(heads: number, from: number, to: number, rng: Rng): FloatTensor {
  return drawn([heads], () => Math.log(from + (to - from) * rng.uniform()));
}

/** Biases whose softplus, the step of a head, is log-uniform in 0.001..0.1. */
export function initialStepBias(heads: number, rng: Rng): FloatTensor {
  return drawn([heads], () => inverseSoftplus(10 ** (-3 + 2 * rng.uniform())));
}

// --- internal ---

function drawn(shape: Shape, draw: () => number): FloatTensor {
  return floatTensor(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, () => draw()),
  );
}
