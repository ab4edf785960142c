import type { Shape } from "../../graph/host-tensor.ts";
import type { InfiniConfig } from "./config.ts";
import type { InfiniState } from "./mixer.ts";
import type { InfiniParams } from "./params.ts";

/*
 * Infini-attention as the paper writes it: one token after the other, in loops over numbers of double
 * precision. It is the truth that mixer.ts is held against and shares nothing with it but types, so read it
 * beside the paper. Slow.
 */

/** A tensor in any numeric form, row-major. */
export interface NumericTensor {
  readonly shape: Shape;
  readonly data: ArrayLike<number>;
}

export interface NaiveResult {
  readonly y: NumericTensor; // [B, T, D]
  /** After the last full segment; `previous` after the last token. */
  readonly state: InfiniState<NumericTensor>;
  /** Mean over the heads [B, T]; with `token-delta` only. */
  readonly writeStrength?: NumericTensor;
}

/** Eqs. 4 to 11 for x [B, T, D] of any length T, from an empty memory. */
export function naiveInfini(config: InfiniConfig, params: InfiniParams<NumericTensor>, x: NumericTensor): NaiveResult {
  const weights = readParams(config, params);
  const [B, T] = [sizeAt(x, 0), sizeAt(x, 1)];
  const lanes = range(B).map((lane) =>
    readLane(
      config,
      weights,
      range(T).map((t) => row(x, lane * T + t)),
    ),
  );
  const { numKeyValueHeads: K, headDim: d, modelDim: D, memory } = config;
  const join = (shape: Shape, part: (lane: Lane) => Vector): NumericTensor => ({ shape, data: lanes.flatMap(part) });
  const M = join([B, K, d, d], ({ memories }) => memories.flatMap(({ M: rows }) => rows.flat()));
  const z = join([B, K, d], ({ memories }) => memories.flatMap((held) => held.z));
  return {
    y: join([B, T, D], ({ outputs }) => outputs.flat()),
    state: {
      memory: memory.update === "token-delta" ? { M } : { M, z },
      written: join([B], ({ written }) => [written]),
      ...(memory.tokenShift && { previous: join([B, D], ({ previous }) => previous) }),
    },
    ...(memory.update === "token-delta" && { writeStrength: join([B, T], ({ strengths }) => strengths) }),
  };
}

// --- internal ---

type Vector = readonly number[];
type Matrix = readonly Vector[]; // rows

interface Weights {
  readonly WQ: readonly Matrix[]; // [H][D][d]
  readonly WK: readonly Matrix[]; // [K][D][d]
  readonly WV: readonly Matrix[]; // [K][D][d]
  readonly WO: Matrix; // [H*d][D]
  readonly beta: Vector; // [H]
  readonly shift?: { readonly query: Vector; readonly key: Vector; readonly value: Vector }; // [D]
  readonly write?: { strength: Matrix; context: Matrix; bias: Vector; readScale: Vector }; // [D][K], [H*d][K], [K], [d]
}

/** A token of the open segment. */
interface Token {
  readonly q: Matrix; // [H][d]
  readonly k: Matrix; // [K][d]
  readonly v: Matrix; // [K][d]
  readonly strengths: Vector; // [K]; 1 where the rule knows no strengths
}

/** What one key/value head remembers. */
interface Memory {
  readonly M: Matrix; // [d][d]
  readonly z: Vector; // [d]
}

interface Lane {
  readonly outputs: Matrix; // [T][D]
  readonly strengths: Vector; // [T]
  readonly memories: readonly Memory[]; // [K]
  readonly written: number;
  readonly previous: Vector; // [D]
}

/** Eq. 4: a sequence [T][D], segment by segment. */
function readLane(config: InfiniConfig, weights: Weights, xs: Matrix): Lane {
  const { numHeads, numKeyValueHeads, headDim, segmentLength } = config;
  const headOf = (h: number): number => Math.floor(h / (numHeads / numKeyValueHeads)); // the key/value head that h reads
  const [outputs, strengths]: [Vector[], number[]] = [[], []];
  let memories = range(numKeyValueHeads).map((): Memory => ({
    M: range(headDim).map(() => zeros(headDim)),
    z: zeros(headDim),
  }));
  let [segment, written, previous]: [Token[], number, Vector] = [[], 0, zeros(config.modelDim)];
  for (const x of xs) {
    const { q, k, v } = project(weights, x, previous); // eq. 5
    const seen = [...segment, { q, k, v }];
    const local = q.map((_, h) => attendLocally(config, seen, h, headOf(h))); // eq. 6
    const token = { q, k, v, strengths: strengthsOf(config, weights, x, local) };
    const mixed = local.map((A_dot, h) => {
      if (written === 0) return A_dot; // nothing to read yet
      const A_mem = readMemory(config, weights, at(memories, headOf(h)), at(q, h)); // eq. 7
      const g = sigmoid(at(weights.beta, h));
      return plus(scale(g, A_mem), scale(1 - g, A_dot)); // eq. 10
    });
    outputs.push(times(mixed.flat(), weights.WO)); // eq. 11
    strengths.push(sum(token.strengths) / numKeyValueHeads);
    segment.push(token);
    previous = x;
    if (segment.length < segmentLength) continue;
    const full = segment;
    memories = memories.map((memory, head) => writes[config.memory.update](memory, full, head)); // eq. 8 or 9
    [segment, written] = [[], written + 1];
  }
  return { outputs, strengths, memories, written, previous };
}

/** Eq. 5: K = X W_K, V = X W_V, Q = X W_Q, each of an input that leans towards the token before. */
function project({ WQ, WK, WV, shift }: Weights, x: Vector, previous: Vector): Pick<Token, "q" | "k" | "v"> {
  const leaning = (mix: Vector | undefined): Vector =>
    mix ? x.map((value, i) => (1 - at(mix, i)) * value + at(mix, i) * at(previous, i)) : x;
  return {
    q: WQ.map((W) => times(leaning(shift?.query), W)),
    k: WK.map((W) => times(leaning(shift?.key), W)),
    v: WV.map((W) => times(leaning(shift?.value), W)),
  };
}

/** Eq. 6 for the last token seen: softmax(Q K^T / sqrt(d)) V over the segment so far. Positions start anew in each. */
function attendLocally(
  config: InfiniConfig,
  seen: readonly Pick<Token, "q" | "k" | "v">[],
  h: number,
  head: number,
): Vector {
  const last = seen.length - 1;
  const query = rotate(config, at(at(seen, last).q, h), last);
  const scores = seen.map(
    ({ k }, position) => dot(query, rotate(config, at(k, head), position)) / Math.sqrt(config.headDim),
  );
  const highest = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - highest));
  return total(seen.map(({ v }, i) => scale(at(powers, i) / sum(powers), at(v, head))));
}

/** Rotary position embedding: turns each pair (x_i, x_{i + d/2}) by the angle position * base^(-2i/d). */
function rotate({ headDim, ropeBase }: InfiniConfig, x: Vector, position: number): Vector {
  const half = headDim / 2;
  return x.map((value, i) => {
    const angle = position * ropeBase ** (-(i % half) / half);
    const [cos, sin] = [float32(Math.cos(angle)), float32(Math.sin(angle))];
    return i < half ? value * cos - at(x, i + half) * sin : value * cos + at(x, i - half) * sin;
  });
}

/** How strongly a token is written to each memory: chosen by its input and by what its local attention gave. */
function strengthsOf({ numKeyValueHeads, memory }: InfiniConfig, { write }: Weights, x: Vector, local: Matrix): Vector {
  if (!write) return range(numKeyValueHeads).map(() => 1);
  const wishes = total([times(x, write.strength), times(local.flat(), write.context), write.bias]);
  const hard = (wish: number): number => Math.min(Math.max(wish * float32(1 / 6) + 0.5, 0), 1);
  return wishes.map(memory.writeStrength === "sigmoid" ? sigmoid : hard);
}

/** Eq. 7: A_mem = sigma(Q) M / (sigma(Q) z); under token-delta, the RMS norm of unit(Q) M. */
function readMemory({ memory, normEpsilon }: InfiniConfig, { write }: Weights, { M, z }: Memory, q: Vector): Vector {
  if (memory.update !== "token-delta") return scale(1 / (dot(sigma(q), z) + EPSILON), times(sigma(q), M));
  const read = times(unit(q), M);
  const root = Math.sqrt(dot(read, read) / read.length + normEpsilon);
  return read.map((value, i) => (value / root) * (write ? at(write.readScale, i) : 1));
}

/** The memory of a head after a segment. */
type Write = (memory: Memory, segment: readonly Token[], head: number) => Memory;

const writes: { readonly [update in InfiniConfig["memory"]["update"]]: Write } = {
  /** Eq. 8: M_s = M_{s-1} + sum_t sigma(K_t)^T V_t; z_s = z_{s-1} + sum_t sigma(K_t). */
  linear(before, segment, head) {
    let { M, z } = before;
    for (const { k, v } of segment) {
      M = plusOuter(M, sigma(at(k, head)), at(v, head));
      z = plus(z, sigma(at(k, head)));
    }
    return { M, z };
  },

  /** Eq. 9: M_s = M_{s-1} + sum_t sigma(K_t)^T (V_t - sigma(K_t) M_{s-1} / (sigma(K_t) z_{s-1})); z as in eq. 8. */
  delta(before, segment, head) {
    let { M, z } = before;
    for (const { k, v } of segment) {
      const key = sigma(at(k, head));
      const known = scale(1 / (dot(key, before.z) + EPSILON), times(key, before.M));
      M = plusOuter(M, key, minus(at(v, head), known));
      z = plus(z, key);
    }
    return { M, z };
  },

  /** The delta rule token by token (arXiv 2406.06484): M_t = M_{t-1} + beta_t k_t (v_t - k_t^T M_{t-1})^T. */
  "token-delta"(before, segment, head) {
    let { M } = before;
    for (const { k, v, strengths } of segment) {
      const key = unit(at(k, head));
      M = plusOuter(M, key, scale(at(strengths, head), minus(at(v, head), times(key, M))));
    }
    return { M, z: before.z };
  },
};

// Constants of graphs are stored as float32; rounding them here too leaves no difference but that of order.
const float32 = Math.fround;
const EPSILON = float32(1e-6);
const NORM_EPSILON = 1e-6;

const sigmoid = (a: number): number => 1 / (1 + Math.exp(-a));
/** sigma = ELU + 1. */
const sigma = (x: Vector): Vector => x.map((a) => (a > 0 ? a + 1 : Math.exp(a)));

/** silu(x) / |silu(x)| */
function unit(x: Vector): Vector {
  const y = x.map((a) => a * sigmoid(a));
  return scale(1 / Math.sqrt(dot(y, y) + NORM_EPSILON), y);
}

const sum = (x: Vector): number => x.reduce((a, b) => a + b, 0);
const dot = (x: Vector, y: Vector): number => sum(x.map((a, i) => a * at(y, i)));
const scale = (factor: number, x: Vector): Vector => x.map((a) => factor * a);
const plus = (x: Vector, y: Vector): Vector => x.map((a, i) => a + at(y, i));
const minus = (x: Vector, y: Vector): Vector => x.map((a, i) => a - at(y, i));
const total = (vectors: Matrix): Vector => vectors.reduce(plus);
/** x W */
const times = (x: Vector, W: Matrix): Vector => total(x.map((a, i) => scale(a, at(W, i))));
/** M + x^T y */
const plusOuter = (M: Matrix, x: Vector, y: Vector): Matrix => M.map((cells, i) => plus(cells, scale(at(x, i), y)));

const range = (length: number): number[] => Array.from({ length }, (_, i) => i);
const zeros = (length: number): Vector => range(length).map(() => 0);

function readParams({ numHeads, numKeyValueHeads }: InfiniConfig, params: InfiniParams<NumericTensor>): Weights {
  const { shift, write } = params;
  return {
    WQ: perHead(matrix(params.query), numHeads),
    WK: perHead(matrix(params.key), numKeyValueHeads),
    WV: perHead(matrix(params.value), numKeyValueHeads),
    WO: matrix(params.output),
    beta: row(params.gate, 0),
    ...(shift && { shift: { query: row(shift.query, 0), key: row(shift.key, 0), value: row(shift.value, 0) } }),
    ...(write && {
      write: {
        strength: matrix(write.strength),
        context: matrix(write.context),
        bias: row(write.bias, 0),
        readScale: row(write.readScale, 0),
      },
    }),
  };
}

/** The columns of W [D][heads * d] that belong to each head. */
function perHead(W: Matrix, heads: number): Matrix[] {
  const width = at(W, 0).length / heads;
  return range(heads).map((head) => W.map((cells) => cells.slice(head * width, (head + 1) * width)));
}

function matrix(tensor: NumericTensor): Matrix {
  return range(sizeAt(tensor, 0)).map((i) => row(tensor, i));
}

/** The i-th run of elements along the innermost axis. */
function row({ shape, data }: NumericTensor, i: number): Vector {
  const width = at(shape, shape.length - 1);
  return range(width).map((j) => at(data, i * width + j));
}

function sizeAt({ shape }: NumericTensor, axis: number): number {
  return at(shape, axis);
}

function at<T>(values: ArrayLike<T>, i: number): T {
  const value = values[i];
  if (value === undefined) throw new RangeError(`there is no element ${i} of ${values.length}`);
  return value;
}
