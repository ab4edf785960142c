import { add, iota, less, reshape, silu, slice, where } from "../../graph/builder.ts";
import type { FloatTensor } from "../../tensor/host-tensor.ts";
import { axisSize } from "../../graph/infer.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Tree } from "../../tensor/tree.ts";
import { shortConvolution, withHistory } from "../../nn/token-shift.ts";
import type { ParamSpec } from "../../nn/spec.ts";
import type { ChunkPlace, MixerResult, SequenceMixer } from "../contract.ts";
import { perLane } from "./lanes.ts";
import type { ConvolutionParams } from "./recurrent-params.ts";
import { countSegments, lastRows } from "./segments.ts";

/* Layers that are recurrences: a token sees those before it, in its own segment too, only through the state. */

/** The parts of a recurrence; see {@link SequenceMixer} for those of the same name. */
export interface Recurrence<Params extends object, State extends object> {
  readonly segmentLength: number; // N, tokens computed at once
  specs(outputGain: number): Tree<ParamSpec>;
  initialState(batch: number): Tree<FloatTensor>;
  /** x [B, T, D] in `segments` parts of the same length; given a place, in one part, and only some tokens count. */
  mix(params: Params, x: Tensor, state: State, segments: number, place?: ChunkPlace): MixerResult;
}

/**
 * A recurrence as a mixer. Any part of a segment changes the state at once, by the formula for whole ones. So the open
 * segment holds nothing, a token costs the same wherever it stands, and nothing is left to commit.
 */
export function recurrentMixer<Params extends object, State extends object>(
  recurrence: Recurrence<Params, State>,
): SequenceMixer {
  const { segmentLength, specs, initialState, mix } = recurrence;
  return {
    specs,
    initialState,
    emptySegment: () => ({}),
    apply: (params, x, state) => mix(params as Params, x, state as State, countSegments(x, segmentLength)),
    extend: (params, x, { state }, place) => ({ ...mix(params as Params, x, state as State, 1, place), rows: {} }),
    commit: (_, { state }) => state,
  };
}

/**
 * SiLU of a short causal convolution of x [B, T, C] after `previous` [B, 3, C], and what the next one needs: the last
 * three tokens that count.
 */
export function convolve(
  { taps, bias }: ConvolutionParams<Tensor>,
  x: Tensor,
  previous: Tensor,
  place?: ChunkPlace,
): { seen: Tensor; previous: Tensor } {
  const [length, kept] = [axisSize(x.shape, 1), axisSize(previous.shape, 1)];
  const history = withHistory(x, previous);
  const mixed = shortConvolution(history, length, taps);
  return {
    seen: silu(bias ? add(mixed, bias) : mixed),
    previous: place ? lastRows(history, place, previous) : slice(history, 1, length, length + kept),
  };
}

/** Rows [B, .., N, n] with zeros in place of those that do not count. */
export function counted(rows: Tensor, place?: ChunkPlace): Tensor {
  if (!place) return rows;
  const N = axisSize(rows.shape, rows.shape.length - 2);
  return where(less(reshape(iota(N), [N, 1]), perLane(place.length, rows.shape.length)), rows, 0);
}

/** One number for each head [heads] -> [heads, 1, 1]. */
export function perHead(x: Tensor): Tensor {
  return reshape(x, [...x.shape, 1, 1]);
}
