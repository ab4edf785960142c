import { add, concat, mul, reshape, slice, sub } from "../graph/builder.ts";
import { floatTensor } from "../tensor/host-tensor.ts";
import { axisSize } from "../graph/infer.ts";
import type { Tensor } from "../graph/tensor.ts";
import { paramSpec, type ParamSpec } from "./spec.ts";

/** Taps of a short convolution: the token itself and those before it. */
export const CONVOLUTION_TAPS = 4;

/**
 * Taps [4, C] uniform in -1/2..1/2, the initial values of a convolution of 4 taps in PyTorch; `own` is added to the
 * taps of the token itself.
 */
export function randomTaps(label: string, features: number, own = 0): ParamSpec {
  const shape = [CONVOLUTION_TAPS, features];
  return paramSpec("bias", shape, (rng) => {
    const source = rng.fork(label);
    const draw = (_: unknown, i: number): number => (i < features ? own : 0) + source.uniform() - 0.5;
    return floatTensor(shape, Float32Array.from({ length: CONVOLUTION_TAPS * features }, draw));
  });
}

/**
 * A sequence with a few tokens of its past in front: x [B, T, D] after `previous` [B, P, D] is [B, P + T, D]. The
 * functions below return one row for each token of x.
 */
export function withHistory(x: Tensor, previous: Tensor): Tensor {
  return concat([previous, x], 1);
}

/** x + (x one token before - x) * mix: each feature looks back one token to a learned degree; mix [D]. */
export function mixShifted(history: Tensor, length: number, mix: Tensor): Tensor {
  const x = shifted(history, length, 0);
  return add(x, mul(sub(shifted(history, length, 1), x), mix));
}

/** A causal convolution of each feature separately: sum over j of taps[j] * (x j tokens before); taps [J, D]. */
export function shortConvolution(history: Tensor, length: number, taps: Tensor): Tensor {
  const [J, D] = [axisSize(taps.shape, 0), axisSize(taps.shape, 1)];
  const terms = Array.from({ length: J }, (_, j) =>
    mul(shifted(history, length, j), reshape(slice(taps, 0, j, j + 1), [D])),
  );
  return terms.reduce((total, term) => add(total, term));
}

// --- internal ---

/** The last `length` tokens of the history, `by` tokens earlier. */
function shifted(history: Tensor, length: number, by: number): Tensor {
  const end = axisSize(history.shape, 1) - by;
  return slice(history, 1, end - length, end);
}
