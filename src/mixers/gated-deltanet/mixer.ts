import {
  add,
  concat,
  exp,
  l2Normalize,
  matmul,
  matrixTranspose,
  mul,
  rmsNorm,
  sigmoid,
  silu,
  slice,
  sub,
  unitLowerInverse,
} from "../../graph/builder.ts";
import { zeros } from "../../tensor/host-tensor.ts";
import { axisSize } from "../../graph/infer.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { softplus } from "../../nn/softplus.ts";
import { linear, type Weight } from "../../nn/weight.ts";
import { decays, readDecayed, sumDecayed, type Decays } from "../shared/decay.ts";
import { joinHeads, splitHeads } from "../shared/heads.ts";
import { affineScan, identity, type Scanned } from "../shared/scan.ts";
import type { ChunkPlace, MixerResult, SequenceMixer } from "../contract.ts";
import { CONVOLUTION_TAPS } from "../../nn/token-shift.ts";
import { convolve, counted, perHead, recurrentMixer } from "../shared/recurrent.ts";
import type { GatedDeltaNetConfig } from "./config.ts";
import { gatedDeltaNetSpecs, type GatedDeltaNetParams } from "./params.ts";

/** What is carried from token to token. */
export type GatedDeltaNetState<T> = {
  readonly memory: T; // S [B, H, d, d]; rows belong to keys, columns to values
  /** Inputs of the convolution for the last tokens: queries, keys and values side by side. */
  readonly previous: T; // [B, 3, 3*H*d]
};

/**
 * Gated DeltaNet (arXiv 2412.06464). For each head, with a write strength b_t = sigmoid(x_t W_write) and a decay
 * a_t = exp(-rate * softplus(x_t W_forget + bias)),
 *
 *   S_t = a_t (I - b_t k_t^T k_t) S_{t-1} + b_t k_t^T v_t,   o_t = q_t S_t / sqrt(d),
 *
 * where q, k and v have been through a short causal convolution and SiLU, and q and k have unit length. Each head is
 * normalised on its own and then multiplied by SiLU of the output gate.
 */
export function gatedDeltaNet(config: GatedDeltaNetConfig): SequenceMixer {
  const { numHeads, headDim, segmentLength } = config;
  return recurrentMixer<GatedDeltaNetParams<Tensor, Weight>, GatedDeltaNetState<Tensor>>({
    segmentLength,
    specs: (outputGain) => gatedDeltaNetSpecs(config, outputGain),
    initialState: (batch) => ({
      memory: zeros([batch, numHeads, headDim, headDim]),
      previous: zeros([batch, CONVOLUTION_TAPS - 1, 3 * numHeads * headDim]),
    }),
    mix: (...args) => mix(config, ...args),
  });
}

// --- internal ---

function mix(
  { numHeads: H, headDim, normEpsilon }: GatedDeltaNetConfig,
  params: GatedDeltaNetParams<Tensor, Weight>,
  x: Tensor,
  state: GatedDeltaNetState<Tensor>,
  segments: number,
  place?: ChunkPlace,
): MixerResult {
  const { queries, keys, values, previous } = project(params, x, state, segments, H, place);
  const ofToken = (wish: Tensor): Tensor => counted(splitHeads(wish, segments, H), place); // [B, S, H, N, 1]
  const strength = ofToken(sigmoid(linear(x, params.write)));
  const forget = ofToken(softplus(add(linear(x, params.forget), params.forgetBias)));
  const decay = decays(mul(forget, perHead(exp(params.logRate))));
  const { memory, writes } = writeDifferences(state.memory, keys, values, strength, decay);
  const read = readDecayed(mul(queries, 1 / Math.sqrt(headDim)), keys, writes, decay, memory.before);
  const gate = splitHeads(silu(linear(x, params.outputGate)), segments, H);
  return {
    y: linear(joinHeads(mul(rmsNorm(read, params.norm, normEpsilon), gate)), params.output),
    state: { memory: memory.after, previous },
  };
}

/** Queries, keys and values [B, S, H, N, d]. */
function project(
  { query, key, value, convolution }: GatedDeltaNetParams<Tensor, Weight>,
  x: Tensor,
  state: GatedDeltaNetState<Tensor>,
  segments: number,
  heads: number,
  place?: ChunkPlace,
): Record<"queries" | "keys" | "values" | "previous", Tensor> {
  const projected = concat([linear(x, query), linear(x, key), linear(x, value)], -1);
  const { seen, previous } = convolve(convolution, projected, state.previous, place);
  const width = axisSize(projected.shape, 2) / 3;
  const part = (i: number): Tensor => splitHeads(slice(seen, -1, i * width, (i + 1) * width), segments, heads);
  return { queries: l2Normalize(part(0)), keys: l2Normalize(part(1)), values: part(2), previous };
}

/**
 * The writes u of all tokens: each is the difference between a value and what the memory held for its key just before
 * (the WY form of the paper's section 3.3), so that S_t = a_t S_{t-1} + k_t^T u_t. With g_t the decay from the start of
 * the segment, T = (I + L)^-1 and L_ti = b_t (g_t / g_i) k_t k_i^T for i < t,
 *
 *   u = T b V - (T b g K) S_0,
 *
 * so that S_N = g_N S_0 + sum_t (g_N / g_t) k_t^T u_t is affine in the memory before the segment, S_0.
 */
function writeDifferences(
  memory: Tensor,
  keys: Tensor,
  values: Tensor,
  strength: Tensor,
  decay: Decays,
): { memory: Scanned; writes: Tensor } {
  const erased = mul(strength, keys);
  const T = unitLowerInverse(mul(matmul(erased, matrixTranspose(keys)), decay.between)); // [B, S, H, N, N]
  const written = matmul(T, mul(strength, values)); // [B, S, H, N, d]
  const known = matmul(T, mul(decay.fromStart, erased)); // times S_0
  const I = identity(axisSize(keys.shape, 4));
  const kept = sub(mul(decay.whole, I), sumDecayed(keys, known, decay)); // [B, S, H, d, d]
  const scanned = affineScan(memory, kept, sumDecayed(keys, written, decay));
  return { memory: scanned, writes: sub(written, matmul(known, scanned.before)) };
}
