import type { Shape } from "../../tensor/host-tensor.ts";
import {
  at,
  dot,
  float32,
  lanesOf,
  matrix,
  minus,
  perHead,
  plus,
  plusOuter,
  range,
  rotate,
  row,
  scale,
  sigmoid,
  sizeAt,
  softmaxOf,
  sum,
  times,
  total,
  zeros,
  type Matrix,
  type NumericTensor,
  type Vector,
  columns,
} from "../testing/naive-math.ts";
import type { InfiniConfig } from "./config.ts";
import type { InfiniState } from "./mixer.ts";
import type { InfiniParams } from "./params.ts";

/*
 * Infini-attention as the paper writes it: one token after the other, in loops over numbers of double
 * precision. It is the truth that mixer.ts is held against and shares nothing with it but types, so read it
 * beside the paper. Slow.
 */

export interface NaiveResult {
  readonly y: NumericTensor; // [B, T, D]
  /** After the last full segment; `previous` after the last token. */
  readonly state: InfiniState<NumericTensor>;
  /** Strengths of all choices and heads before they are clipped [B, T, choices * K']; with rules that choose only. */
  readonly writeWish?: NumericTensor;
  /** What each head made of each token of each lane. */
  readonly inside: readonly (readonly NaiveHead[][])[]; // [B][T][H]
}

/** What a head made of a token. */
export interface NaiveHead {
  /** sigmoid(beta), as learned: it counts where there is a memory to read. */
  readonly gate: number;
  /** The two terms of eq. 10, [d] each. */
  readonly memory: Vector;
  readonly local: Vector;
  /** The cosine between what the memory gave and what each earlier segment gives that was written to an empty one. */
  readonly resemblance: Vector; // [segments before]
}

/** Eqs. 4 to 11 for x [B, T, D] of any length T, from an empty memory. */
export function naiveInfini(config: InfiniConfig, params: InfiniParams<NumericTensor>, x: NumericTensor): NaiveResult {
  const weights = readParams(config, params);
  const [B, T] = [sizeAt(x, 0), sizeAt(x, 1)];
  const lanes = lanesOf(x).map((tokens) => readLane(config, weights, tokens));
  const { numKeyValueHeads: K, headDim: d, modelDim: D, segmentLength: N, memory } = config;
  const holders = memoryHeads(config).length;
  const join = (shape: Shape, part: (lane: Lane) => Vector): NumericTensor => ({ shape, data: lanes.flatMap(part) });
  const f = featureSize(config);
  const M = join([B, holders, f, d], ({ memories }) => memories.flatMap(({ M: rows }) => rows.flat()));
  const z = join([B, holders, f], ({ memories }) => memories.flatMap((held) => held.z));
  const before = (part: (token: Token, head: number, t: number) => Vector): NumericTensor =>
    join([B, K, N, d], ({ cache }) =>
      range(K).flatMap((head) => range(N).flatMap((t) => (cache[t] ? part(cache[t], head, t) : zeros(d)))),
    );
  const choices = choicesOf(config).length;
  return {
    y: join([B, T, D], ({ outputs }) => outputs.flat()),
    state: {
      ...(memory.update !== "none" && { memory: choices > 0 ? { M } : { M, z } }),
      written: join([B], ({ written }) => [written]),
      ...(memory.shift !== "none" && { previous: join([B, lookBack(config), D], ({ previous }) => previous.flat()) }),
      ...(memory.cache && {
        cache: {
          keys: before(({ k }, head, t) => rotate(config, at(k, head), t)),
          values: before(({ v }, head) => at(v, head)),
        },
      }),
    },
    ...(choices > 0 && { writeWish: join([B, T, choices * holders], ({ wishes }) => wishes.flat()) }),
    inside: lanes.map(({ inside }) => inside),
  };
}

// --- internal ---

interface Weights {
  readonly WQ: readonly Matrix[]; // [H][D][d]
  readonly WK: readonly Matrix[]; // [K][D][d]
  readonly WV: readonly Matrix[]; // [K][D][d]
  readonly WO: Matrix; // [H*d][D]
  readonly beta: Vector; // [H']
  readonly betaInput?: Matrix; // [D][H']
  /** For each of queries, keys and values, how much of the token j places back they see: [taps][D]. */
  readonly taps: { readonly query: Matrix; readonly key: Matrix; readonly value: Matrix };
  readonly temperature?: Vector; // [K']
  readonly readScale?: Vector; // [d]
  readonly choices: readonly { strength: Matrix; context: Matrix; bias: Vector }[]; // [D][K'], [H*d][K'], [K'] each
}

/** A token of the open segment. */
interface Token {
  readonly q: Matrix; // [H][d]
  readonly k: Matrix; // [K][d]
  readonly v: Matrix; // [K][d]
  /** Strengths of writing, erasing and forgetting, [choices][K']. */
  readonly strengths: Matrix;
}

/** What one key/value head remembers; K' of them do. */
interface Memory {
  readonly M: Matrix; // [d][d]
  readonly z: Vector; // [d]
}

/** What meets in eq. 10. */
interface Meeting {
  readonly x: Vector;
  readonly q: Matrix; // [H][d]
  readonly A_dot: Vector;
  readonly memories: readonly Memory[]; // [K']
  /** Each segment before in a memory of its own. */
  readonly alone: readonly (readonly Memory[])[]; // [segments][K']
}

interface Lane {
  readonly outputs: Matrix; // [T][D]
  readonly wishes: Matrix; // [T][choices * K']
  readonly inside: NaiveHead[][]; // [T][H]
  readonly memories: readonly Memory[]; // [K']
  readonly written: number;
  readonly previous: Matrix; // the last tokens [lookBack][D], newest last
  readonly cache: readonly Token[]; // the segment before, if any
}

/** Eq. 4: a sequence [T][D], segment by segment. */
function readLane(config: InfiniConfig, weights: Weights, xs: Matrix): Lane {
  const { numHeads, numKeyValueHeads, headDim, segmentLength, modelDim, memory } = config;
  const headOf = (h: number): number => Math.floor(h / (numHeads / numKeyValueHeads)); // the key/value head that h reads
  const [outputs, wishes, inside]: [Vector[], Vector[], NaiveHead[][]] = [[], [], []];
  const empty = memoryHeads(config).map((): Memory => ({
    M: range(featureSize(config)).map(() => zeros(headDim)),
    z: zeros(featureSize(config)),
  }));
  let memories = empty;
  const alone: (readonly Memory[])[] = [];
  let [segment, cache, written]: [Token[], Token[], number] = [[], [], 0];
  let previous: Matrix = range(lookBack(config)).map(() => zeros(modelDim));
  for (const x of xs) {
    const { q, k, v } = project(weights, [...previous, x]); // eq. 5
    const seen = [...(memory.cache ? cache : []), ...segment, { q, k, v }];
    const local = q.map((_, h) => attendLocally(config, seen, h, headOf(h))); // eq. 6
    const wish = wishesOf(config, weights, x, local);
    const token = { q, k, v, strengths: wish.map((each) => each.map((a) => Math.min(Math.max(a, 0), 1))) };
    const heads = local.map((A_dot, h) => mixHead(config, weights, { x, q, A_dot, memories, alone }, h));
    const mixed = heads.flatMap((head) => plus(head.memory, head.local)); // eq. 10
    outputs.push(times(mixed, weights.WO)); // eq. 11
    wishes.push(wish.flat());
    inside.push(heads);
    segment.push(token);
    previous = [...previous, x].slice(1);
    if (segment.length < segmentLength) continue;
    const full = segment;
    if (memory.update !== "none") {
      const write = writes[memory.update]; // eq. 8 or 9
      const entries = memoryHeads(config).map((head, i) => full.map((each) => entryOf(config, weights, each, head, i)));
      memories = memories.map((held, i) => write(held, at(entries, i)));
      alone.push(empty.map((held, i) => write(held, at(entries, i))));
    }
    [segment, cache, written] = [[], full, written + 1];
  }
  return { outputs, wishes, inside, memories, written, previous: lookBack(config) > 0 ? previous : [], cache };
}

/** Eq. 5: K = X W_K, V = X W_V, Q = X W_Q, each of a mixture of the last tokens, newest last. */
function project({ WQ, WK, WV, taps }: Weights, recent: Matrix): Pick<Token, "q" | "k" | "v"> {
  const seen = (weights: Matrix): Vector =>
    total(weights.map((tap, j) => at(recent, recent.length - 1 - j).map((value, i) => at(tap, i) * value)));
  return {
    q: WQ.map((W) => times(seen(taps.query), W)),
    k: WK.map((W) => times(seen(taps.key), W)),
    v: WV.map((W) => times(seen(taps.value), W)),
  };
}

/**
 * Eq. 6 for the last token seen: softmax(Q K^T / sqrt(d)) V over the segment so far, after the one before where there is a
 * cache. Only distances count; positions are counted from the first that a cache could hold, as the tables are rounded.
 */
function attendLocally(
  config: InfiniConfig,
  seen: readonly Pick<Token, "q" | "k" | "v">[],
  h: number,
  head: number,
): Vector {
  const last = seen.length - 1;
  const first = config.memory.cache && last < config.segmentLength ? config.segmentLength : 0;
  const query = rotate(config, at(at(seen, last).q, h), first + last);
  const scores = seen.map(({ k }, i) => dot(query, rotate(config, at(k, head), first + i)) / Math.sqrt(config.headDim));
  const highest = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - highest));
  return total(seen.map(({ v }, i) => scale(at(powers, i) / sum(powers), at(v, head))));
}

/** Eqs. 7 and 10 for head h; where its key/value head has no memory, its output is local. */
function mixHead(
  config: InfiniConfig,
  weights: Weights,
  { x, q, A_dot, memories, alone }: Meeting,
  h: number,
): NaiveHead {
  const group = config.numHeads / config.numKeyValueHeads;
  const i = memoryHeads(config).indexOf(Math.floor(h / group)); // of the memory that h reads
  if (i < 0) return { gate: 0, memory: zeros(config.headDim), local: A_dot, resemblance: alone.map(() => 0) };
  const readFrom = (held: readonly Memory[]): Vector => readMemory(config, weights, at(held, i), at(q, h), i); // eq. 7
  const own = i * group + (h % group); // of the gate of h
  const gate = sigmoid(at(weights.beta, own) + (weights.betaInput ? at(times(x, weights.betaInput), own) : 0));
  const [A_mem, g] = [readFrom(memories), alone.length === 0 ? 0 : gate]; // at first there is nothing to read
  const resemblance = alone.map((held) => cosine(A_mem, readFrom(held)));
  return { gate, memory: scale(g, A_mem), local: scale(1 - g, A_dot), resemblance };
}

/** How strongly a token wishes to touch each memory: by its input and by what its local attention gave; [choices][K']. */
function wishesOf({ memory }: InfiniConfig, { choices }: Weights, x: Vector, local: Matrix): Matrix {
  return choices.map(({ strength, context, bias }) => {
    const wishes = total([times(x, strength), times(local.flat(), context), bias]);
    return wishes.map(memory.writeStrength === "sigmoid" ? sigmoid : (wish) => wish * float32(1 / 6) + 0.5);
  });
}

/** sigma of a key or query that meets memory i; of unit length for the rules of tokens. */
function features({ memory }: InfiniConfig, { temperature }: Weights, x: Vector, i: number): Vector {
  const mapped = {
    "elu-plus-one": () => sigma(x),
    softmax: () => softmaxOf(scale(temperature ? at(temperature, i) : 1, unit(x))),
    dpfp: () => dpfp(x),
    "silu-l2": () => unit(x.map((a) => a * sigmoid(a))),
  }[memory.featureMap]();
  const tokens = memory.update === "token-delta" || memory.update === "gated-token-delta";
  return tokens && memory.featureMap !== "silu-l2" ? unit(mapped) : mapped;
}

/** Eq. 7: A_mem = sigma(Q) M / (sigma(Q) z); under the rules of tokens the RMS norm of sigma(Q) M. */
function readMemory(config: InfiniConfig, weights: Weights, { M, z }: Memory, q: Vector, i: number): Vector {
  const query = features(config, weights, q, i);
  const { readScale } = weights;
  if (!readScale) return scale(1 / (dot(query, z) + EPSILON), times(query, M));
  const read = times(query, M);
  const root = Math.sqrt(dot(read, read) / read.length + config.normEpsilon);
  return read.map((value, j) => (value / root) * at(readScale, j));
}

/** What a token writes to one memory. */
interface Entry {
  readonly key: Vector; // sigma(K_t) [f]
  readonly value: Vector; // [d]
  readonly strengths: Vector; // [choices]
}

/** The entry of a key/value head, whose memory is the i-th. */
function entryOf(config: InfiniConfig, weights: Weights, { k, v, strengths }: Token, head: number, i: number): Entry {
  return {
    key: features(config, weights, at(k, head), i),
    value: at(v, head),
    strengths: strengths.map((each) => at(each, i)),
  };
}

/** The memory of a head after a segment. */
type Write = (memory: Memory, segment: readonly Entry[]) => Memory;

const writes: { readonly [update in Exclude<InfiniConfig["memory"]["update"], "none">]: Write } = {
  /** Eq. 8: M_s = M_{s-1} + sum_t sigma(K_t)^T V_t; z_s = z_{s-1} + sum_t sigma(K_t). */
  linear(before, segment) {
    let { M, z } = before;
    for (const { key, value } of segment) {
      M = plusOuter(M, key, value);
      z = plus(z, key);
    }
    return { M, z };
  },

  /** Eq. 9: M_s = M_{s-1} + sum_t sigma(K_t)^T (V_t - sigma(K_t) M_{s-1} / (sigma(K_t) z_{s-1})); z as in eq. 8. */
  delta(before, segment) {
    let { M, z } = before;
    for (const { key, value } of segment) {
      const known = scale(1 / (dot(key, before.z) + EPSILON), times(key, before.M));
      M = plusOuter(M, key, minus(value, known));
      z = plus(z, key);
    }
    return { M, z };
  },

  /** Eq. 9 with z_s = z_{s-1} + sum_t gamma_t sigma(K_t), gamma_t = clip(1 - sigma(K_t) z_{s-1} / |sigma(K_t)|^2, 0, 1). */
  "delta-corrected"(before, segment) {
    let { z } = before;
    for (const { key } of segment) {
      const gamma = 1 - dot(key, before.z) / (dot(key, key) + EPSILON);
      z = plus(z, scale(Math.min(Math.max(gamma, 0), 1), key));
    }
    return { M: writes.delta(before, segment).M, z };
  },

  /** The delta rule token by token (arXiv 2406.06484): M_t = M_{t-1} + b_t k_t (v_t - k_t^T M_{t-1})^T. */
  "token-delta"(before, segment) {
    let { M } = before;
    for (const { key, value, strengths } of segment) {
      M = plusOuter(M, key, scale(at(strengths, 0), minus(value, times(key, M))));
    }
    return { M, z: before.z };
  },

  /** M_t = (I - e_t k_t k_t^T) exp(-f_t) M_{t-1} + b_t k_t v_t^T. */
  "gated-token-delta"(before, segment) {
    let { M } = before;
    for (const { key, value, strengths } of segment) {
      const [b, e, f] = [at(strengths, 0), at(strengths, 1), at(strengths, 2)];
      M = M.map((cells) => scale(Math.exp(-f), cells));
      M = plusOuter(M, key, scale(-e, times(key, M)));
      M = plusOuter(M, key, scale(b, value));
    }
    return { M, z: before.z };
  },
};

/** The key/value heads that have a memory, ascending. */
function memoryHeads({ numKeyValueHeads, memory }: InfiniConfig): number[] {
  if (memory.update === "none") return [];
  return range(numKeyValueHeads).filter((head) => !memory.heads || memory.heads.includes(head));
}

function featureSize({ headDim, memory }: InfiniConfig): number {
  return memory.featureMap === "dpfp" ? 2 * headDim : headDim;
}

/** Earlier tokens that queries, keys and values see. */
function lookBack({ memory }: InfiniConfig): number {
  return { none: 0, token: 1, convolution: 3 }[memory.shift];
}

function choicesOf({ memory }: InfiniConfig): readonly ("write" | "erase" | "forget")[] {
  if (memory.update === "token-delta") return ["write"];
  return memory.update === "gated-token-delta" ? ["write", "erase", "forget"] : [];
}

const EPSILON = float32(1e-6);
const NORM_EPSILON = 1e-6;

/** sigma = ELU + 1. */
const sigma = (x: Vector): Vector => x.map((a) => (a > 0 ? a + 1 : Math.exp(a)));

/** The cosine of the angle between two vectors, 0 where one of them is zero. */
function cosine(x: Vector, y: Vector): number {
  const lengths = Math.sqrt(dot(x, x) * dot(y, y));
  return lengths === 0 ? 0 : dot(x, y) / lengths;
}

/** x / |x| */
function unit(x: Vector): Vector {
  return scale(1 / Math.sqrt(dot(x, x) + NORM_EPSILON), x);
}

/** DPFP-1 (arXiv 2102.11174): products r_i r_{i-1} of neighbours, in a ring, of r = relu([x, -x]); scaled to sum one. */
function dpfp(x: Vector): Vector {
  const r = [...x, ...x.map((a) => -a)].map((a) => Math.max(a, 0));
  const products = r.map((a, i) => a * at(r, (i + r.length - 1) % r.length));
  return scale(1 / (sum(products) + EPSILON), products);
}

function readParams(config: InfiniConfig, params: InfiniParams<NumericTensor>): Weights {
  const { numHeads, numKeyValueHeads } = config;
  const { gate, gateInput, shift, temperature, readScale } = params;
  const choices = choicesOf(config).map((name) => params[name]);
  return {
    WQ: perHead(columns(params.query), numHeads),
    WK: perHead(columns(params.key), numKeyValueHeads),
    WV: perHead(columns(params.value), numKeyValueHeads),
    WO: columns(params.output),
    beta: gate ? row(gate, 0) : [],
    ...(gateInput && { betaInput: columns(gateInput) }),
    taps: {
      query: readTaps(config, shift?.query),
      key: readTaps(config, shift?.key),
      value: readTaps(config, shift?.value),
    },
    ...(temperature && { temperature: Array.from(temperature.data) }),
    ...(readScale && { readScale: row(readScale, 0) }),
    choices: choices.flatMap((choice) =>
      choice
        ? [{ strength: columns(choice.strength), context: columns(choice.context), bias: row(choice.bias, 0) }]
        : [],
    ),
  };
}

/** Taps as they are; for a share of the token before, the rest of it and itself. */
function readTaps({ modelDim, memory }: InfiniConfig, shift: NumericTensor | undefined): Matrix {
  if (!shift) return [range(modelDim).map(() => 1)];
  return memory.shift === "convolution" ? matrix(shift) : [row(shift, 0).map((mix) => 1 - mix), row(shift, 0)];
}
