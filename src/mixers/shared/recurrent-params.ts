import { floatTensor } from "../../tensor/host-tensor.ts";
import { inverseSoftplus } from "../../nn/softplus.ts";
import { paramSpec, type ParamSpec } from "../../nn/spec.ts";

/* Weights that recurrences have in common, with their published initial values. */

/** A short causal convolution of each of C features: taps [4, C], and a bias [C]. */
export type ConvolutionParams<T> = { readonly taps: T; readonly bias?: T };

/** Logarithms of rates of forgetting that are uniform between two numbers. */
export function logRates(label: string, heads: number, from: number, to: number): ParamSpec {
  return drawn(label, heads, (uniform) => Math.log(from + (to - from) * uniform));
}

/** Biases whose softplus, the step of a head, is log-uniform in 0.001..0.1. */
export function stepBias(label: string, heads: number): ParamSpec {
  return drawn(label, heads, (uniform) => inverseSoftplus(10 ** (-3 + 2 * uniform)));
}

// --- internal ---

/** A vector of numbers computed from draws in 0..1. */
function drawn(label: string, size: number, make: (uniform: number) => number): ParamSpec {
  return paramSpec("bias", [size], (rng) => {
    const source = rng.fork(label);
    return floatTensor(
      [size],
      Float32Array.from({ length: size }, () => make(source.uniform())),
    );
  });
}
