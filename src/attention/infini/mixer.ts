import {
  add,
  cast,
  constant,
  equal,
  iota,
  less,
  matmul,
  mean,
  reshape,
  slice,
  sub,
  transpose,
  where,
} from "../../graph/builder.ts";
import { intTensor, zeros, type FloatTensor } from "../../graph/host-tensor.ts";
import { axisSize } from "../../graph/infer.ts";
import { GraphError, type Tensor } from "../../graph/tensor.ts";
import { applyRope, ropeRows, ropeTables } from "../../nn/rope.ts";
import { mixShifted, shiftTokens } from "../../nn/token-shift.ts";
import type { ChunkPlace, OpenState, SequenceMixer } from "../mixer.ts";
import type { InfiniConfig } from "./config.ts";
import { mixByGate, writeStrength } from "./gate.ts";
import { causalMask, causalMaskFrom, localAttention, mergeGroups } from "./local.ts";
import { memoryRules } from "./memory.ts";
import { initInfiniParams, type InfiniParams } from "./params.ts";
import type { MemoryState, Writes } from "./rule.ts";

/** What is carried from segment to segment. */
export type InfiniState<T> = {
  readonly memory: MemoryState<T>;
  /** Segments written so far. */
  readonly written: T; // [B]
  /** Input of the last token, with `tokenShift` only. */
  readonly previous?: T; // [B, D]
};

/** What the open segment will write, without positions; rows not yet read are zero. */
export type InfiniSegment<T> = {
  readonly keys: T; // [B, K, N, d]
  readonly values: T; // [B, K, N, d]
  readonly strengths?: T; // [B, K, N, 1]
};

/** Infini-attention (arXiv 2404.07143): eqs. 4 to 11, with the memory update that the config names. */
export function infiniAttention(config: InfiniConfig): SequenceMixer {
  const rule = memoryRules[config.memory.update];
  return {
    initParams: (rng, outputGain) => initInfiniParams(config, rng, outputGain),
    initialState: (batch) => initialState(config, batch),
    emptySegment: (batch) => emptySegment(config, batch),

    apply(tree, x, states) {
      const [params, state] = [tree as InfiniParams<Tensor>, states as InfiniState<Tensor>];
      const [length, N] = [axisSize(x.shape, 1), config.segmentLength];
      if (length % N !== 0) throw new GraphError(`${length} tokens are no whole number of segments of ${N}`);
      const { queries, keys, values } = project(config, params, x, length / N, state.previous);
      const tables = ropeTables(N, config.headDim, config.ropeBase);
      const [q, k] = [applyRope(queries, tables), applyRope(keys, tables)];
      const local = localAttention(q, k, values, causalMask(N)); // eq. 6
      const writes = { keys, values, ...strengthsOf(config, params, x, local) };
      const { before, after } = rule.write(state.memory, writes); // eq. 8 or 9
      const fromMemory = readMemory(config, params, before, queries); // eq. 7
      const A = mixByGate(fromMemory, local, params.gate, state.written); // eq. 10
      const written = add(state.written, length / N);
      const last = slice(x, 1, length - 1, length);
      return {
        y: matmul(mergeHeads(A), params.output), // eq. 11
        state: { memory: after, written, ...carry(state, last) },
        ...(writes.strengths && { writeStrength: reshape(mean(writes.strengths, [2, 4]), x.shape.slice(0, 2)) }),
      };
    },

    extend(tree, x, open, place) {
      const params = tree as InfiniParams<Tensor>;
      const { state, segment } = open as OpenState & { state: InfiniState<Tensor>; segment: InfiniSegment<Tensor> };
      const [C, N] = [axisSize(x.shape, 1), config.segmentLength];
      const { queries, keys, values } = project(config, params, x, 1, state.previous);
      const put = writerAt(place, C, N);
      const filled = { keys: put(segment.keys, keys), values: put(segment.values, values) };
      const before = {
        M: withSegmentAxis(state.memory.M),
        ...(state.memory.z && { z: withSegmentAxis(state.memory.z) }),
      };
      const fromMemory = readMemory(config, params, before, queries); // eq. 7
      const tables = ropeTables(N + C, config.headDim, config.ropeBase);
      const q = applyRope(queries, ropeRows(tables, add(iota(C), place.offset)));
      const k = applyRope(withSegmentAxis(filled.keys), ropeRows(tables, iota(N)));
      const local = localAttention(q, k, withSegmentAxis(filled.values), causalMaskFrom(place.offset)); // eq. 6
      const A = mixByGate(fromMemory, local, params.gate, state.written); // eq. 10
      const { strengths } = strengthsOf(config, params, x, local);
      const chosen = segment.strengths && strengths ? { strengths: put(segment.strengths, strengths) } : {};
      const last = matmul(cast(lastRow(place, C), "float32"), x); // [B, 1, D]
      return {
        y: matmul(mergeHeads(A), params.output),
        state: { ...state, ...carry(state, last) },
        segment: { ...filled, ...chosen },
      };
    },

    commit(_, open) {
      const { state, segment } = open as OpenState & { state: InfiniState<Tensor>; segment: InfiniSegment<Tensor> };
      const writes = mapSegment(segment, withSegmentAxis);
      const { after } = rule.write(state.memory, writes); // eq. 8 or 9
      return { ...state, memory: after, written: add(state.written, 1) };
    },
  };
}

// --- internal ---

function initialState(config: InfiniConfig, batch: number): InfiniState<FloatTensor> {
  return {
    memory: memoryRules[config.memory.update].initialState(config, batch),
    written: zeros([batch]),
    ...(config.memory.tokenShift ? { previous: zeros([batch, config.modelDim]) } : {}),
  };
}

function emptySegment(config: InfiniConfig, batch: number): InfiniSegment<FloatTensor> {
  const { numKeyValueHeads, segmentLength, headDim } = config;
  const perToken = (size: number): FloatTensor => zeros([batch, numKeyValueHeads, segmentLength, size]);
  return {
    keys: perToken(headDim),
    values: perToken(headDim),
    ...(config.memory.update === "token-delta" ? { strengths: perToken(1) } : {}),
  };
}

/** Eq. 5 for S segments of x [B, S*N, D]: queries [B, S, K, G, N, d], keys and values [B, S, K, N, d]. */
function project(
  config: InfiniConfig,
  params: InfiniParams<Tensor>,
  x: Tensor,
  segments: number,
  previous: Tensor | undefined,
): { queries: Tensor; keys: Tensor; values: Tensor } {
  const { numHeads, numKeyValueHeads: heads } = config;
  const { shift } = params;
  const shifted = shift && previous ? shiftTokens(x, previous) : x;
  const seen = (mix: Tensor | undefined): Tensor => (mix ? mixShifted(x, shifted, mix) : x);
  const split = (y: Tensor): Tensor => splitHeads(y, segments, heads);
  const queries = splitHeads(matmul(seen(shift?.query), params.query), segments, numHeads);
  const [B, S, , N, d] = queries.shape as unknown as [number, number, number, number, number];
  return {
    queries: reshape(queries, [B, S, heads, numHeads / heads, N, d]),
    keys: split(matmul(seen(shift?.key), params.key)),
    values: split(matmul(seen(shift?.value), params.value)),
  };
}

/** How strongly each token is written [B, S, K, N, 1]: chosen by the token and what local attention saw around it. */
function strengthsOf(
  config: InfiniConfig,
  { write }: InfiniParams<Tensor>,
  x: Tensor,
  local: Tensor,
): { strengths?: Tensor } {
  if (!write) return {};
  const wish = add(add(matmul(x, write.strength), matmul(mergeHeads(local), write.context)), write.bias);
  return { strengths: splitHeads(writeStrength(wish, config), axisSize(local.shape, 1), config.numKeyValueHeads) };
}

/** [B, S*N, heads*d] -> [B, S, heads, N, d] */
function splitHeads(x: Tensor, segments: number, heads: number): Tensor {
  const [B, T, width] = x.shape as unknown as [number, number, number];
  return transpose(reshape(x, [B, segments, T / segments, heads, width / heads]), [0, 1, 3, 2, 4]);
}

/** Heads [B, S, K, G, N, d] side by side -> [B, S*N, K*G*d] */
function mergeHeads(A: Tensor): Tensor {
  const [B, S, K, G, N, d] = A.shape as unknown as [number, number, number, number, number, number];
  return reshape(transpose(A, [0, 1, 4, 2, 3, 5]), [B, S * N, K * G * d]);
}

function readMemory(
  { memory, normEpsilon }: InfiniConfig,
  { write }: InfiniParams<Tensor>,
  before: MemoryState<Tensor>,
  queries: Tensor,
): Tensor {
  const rows = mergeGroups(queries); // [B, S, K, G*N, d]
  return reshape(
    memoryRules[memory.update].read(before, rows, { ...(write && { write }), normEpsilon }),
    queries.shape,
  );
}

function carry(state: InfiniState<Tensor>, last: Tensor): { previous?: Tensor } {
  return state.previous ? { previous: reshape(last, state.previous.shape) } : {};
}

/** Puts the rows of a chunk [B, 1, K, C, ..] that count into those of the open segment [B, K, N, ..]. */
function writerAt(place: ChunkPlace, C: number, N: number): (open: Tensor, rows: Tensor) => Tensor {
  const column = iota(C);
  const goesTo = where(less(column, place.length), add(column, place.offset), int(-1)); // [C]
  const placement = cast(equal(reshape(iota(N), [N, 1]), goesTo), "float32"); // [N, C]
  return (open, rows) => add(open, matmul(placement, reshape(rows, open.shape.with(2, C))));
}

/** One row [1, C] that is true at the last token that counts. */
function lastRow({ length }: ChunkPlace, C: number): Tensor {
  return reshape(equal(iota(C), sub(length, int(1))), [1, C]);
}

function mapSegment(segment: InfiniSegment<Tensor>, transform: (x: Tensor) => Tensor): Writes {
  return {
    keys: transform(segment.keys),
    values: transform(segment.values),
    ...(segment.strengths && { strengths: transform(segment.strengths) }),
  };
}

/** [B, ..] -> [B, 1, ..] */
function withSegmentAxis(x: Tensor): Tensor {
  const [batch = 1, ...rest] = x.shape;
  return reshape(x, [batch, 1, ...rest]);
}

function int(value: number): Tensor {
  return constant(intTensor([], Int32Array.of(value)));
}
