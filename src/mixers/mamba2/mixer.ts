import { add, concat, exp, mul, rmsNorm, silu, slice } from "../../graph/builder.ts";
import { zeros } from "../../tensor/host-tensor.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { softplus } from "../../nn/softplus.ts";
import { linear, type Weight } from "../../nn/weight.ts";
import { decays, readDecayed, sumDecayed } from "../shared/decay.ts";
import { joinHeads, splitHeads } from "../shared/heads.ts";
import { scaledScan } from "../shared/scan.ts";
import type { ChunkPlace, MixerResult, SequenceMixer } from "../contract.ts";
import { CONVOLUTION_TAPS } from "../../nn/token-shift.ts";
import { convolve, counted, perHead, recurrentMixer } from "../shared/recurrent.ts";
import { mamba2Sizes, type Mamba2Config } from "./config.ts";
import { mamba2Specs, type Mamba2Params } from "./params.ts";

/** What is carried from token to token. */
export type Mamba2State<T> = {
  readonly memory: T; // h [B, H, n, P]
  /** Inputs of the convolution for the last tokens: values, keys and queries side by side. */
  readonly previous: T; // [B, 3, I + 2n]
};

/**
 * Mamba-2 (arXiv 2405.21060), with one group: all heads share keys and queries. For each head, with the step
 * dt_t = softplus(x_t W_step + bias) and A < 0,
 *
 *   h_t = exp(dt_t A) h_{t-1} + dt_t k_t^T v_t,   y_t = q_t h_t + skip v_t,
 *
 * where v, k and q (the paper's x, B and C) have been through a short causal convolution and SiLU. The heads side by side,
 * times SiLU of the output gate, are normalised together before the last projection. A segment is computed at once as
 * the paper's section 6 does: (q k^T o L) dt v inside it, and a recurrence of states between segments.
 */
export function mamba2(config: Mamba2Config): SequenceMixer {
  const { inner, heads } = mamba2Sizes(config);
  const { stateDim, headDim, segmentLength } = config;
  return recurrentMixer<Mamba2Params<Tensor, Weight>, Mamba2State<Tensor>>({
    segmentLength,
    specs: (outputGain) => mamba2Specs(config, outputGain),
    initialState: (batch) => ({
      memory: zeros([batch, heads, stateDim, headDim]),
      previous: zeros([batch, CONVOLUTION_TAPS - 1, inner + 2 * stateDim]),
    }),
    mix: (...args) => mix(config, ...args),
  });
}

// --- internal ---

function mix(
  config: Mamba2Config,
  params: Mamba2Params<Tensor, Weight>,
  x: Tensor,
  state: Mamba2State<Tensor>,
  segments: number,
  place?: ChunkPlace,
): MixerResult {
  const { heads } = mamba2Sizes(config);
  const { values, keys, queries, previous } = project(config, params, x, state, segments, place);
  const dt = splitHeads(softplus(add(linear(x, params.step), params.stepBias)), segments, heads); // [B, S, H, N, 1]
  const step = counted(dt, place);
  const decay = decays(mul(step, perHead(exp(params.logRate)))); // -dt A
  const writes = mul(step, values);
  const memory = scaledScan(state.memory, decay.whole, sumDecayed(keys, writes, decay));
  const read = readDecayed(queries, keys, writes, decay, memory.before);
  const y = joinHeads(add(read, mul(perHead(params.skip), values))); // [B, T, I]
  const gated = mul(y, silu(linear(x, params.outputGate)));
  return {
    y: linear(rmsNorm(gated, params.norm, config.normEpsilon), params.output),
    state: { memory: memory.after, previous },
  };
}

/** Values [B, S, H, N, P], and keys and queries [B, S, 1, N, n] that all heads share. */
function project(
  config: Mamba2Config,
  { value, key, query, convolution }: Mamba2Params<Tensor, Weight>,
  x: Tensor,
  state: Mamba2State<Tensor>,
  segments: number,
  place?: ChunkPlace,
): Record<"values" | "keys" | "queries" | "previous", Tensor> {
  const { inner, heads } = mamba2Sizes(config);
  const n = config.stateDim;
  const projected = concat([linear(x, value), linear(x, key), linear(x, query)], -1);
  const { seen, previous } = convolve(convolution, projected, state.previous, place);
  return {
    values: splitHeads(slice(seen, -1, 0, inner), segments, heads),
    keys: splitHeads(slice(seen, -1, inner, inner + n), segments, 1),
    queries: splitHeads(slice(seen, -1, inner + n, inner + 2 * n), segments, 1),
    previous,
  };
}
