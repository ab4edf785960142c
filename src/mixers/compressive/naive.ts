import type { Shape } from "../../tensor/host-tensor.ts";
import {
  at,
  dot,
  lanesOf,
  lastOf,
  minus,
  perHead,
  plus,
  range,
  rotate,
  row,
  sum,
  times,
  weigh,
  type Matrix,
  type NumericTensor,
  type Vector,
  columns,
} from "../testing/naive-math.ts";
import type { CompressiveConfig } from "./config.ts";
import type { CompressiveState } from "./mixer.ts";
import type { CompressiveParams } from "./params.ts";

/*
 * A layer of a Compressive Transformer, one token at a time. It is the reference that mixer.ts is checked against
 * and shares nothing with it but types. Slow.
 */

export interface NaiveCompressive {
  readonly y: NumericTensor; // [B, T, D]
  /** After the last full segment. */
  readonly state: CompressiveState<NumericTensor>;
  /** Of the full segments of all lanes. */
  readonly auxiliary: number;
}

/** The layer for x [B, T, D] of any length T, from empty memories. */
export function naiveCompressive(
  config: CompressiveConfig,
  params: CompressiveParams<NumericTensor>,
  x: NumericTensor,
): NaiveCompressive {
  const { modelDim: D, memoryLength: m, compressedLength: c } = config;
  const weights = readParams(config, params);
  const lanes = lanesOf(x).map((tokens) => readLane(config, weights, tokens));
  const join = (shape: Shape, part: (lane: Lane) => Vector): NumericTensor => ({ shape, data: lanes.flatMap(part) });
  return {
    y: join(x.shape, ({ outputs }) => outputs.flat()),
    state: {
      memory: join([lanes.length, m, D], ({ memory }) => lastOf(memory, m, D).flat()),
      compressed: join([lanes.length, c, D], ({ compressed }) => lastOf(compressed, c, D).flat()),
      written: join([lanes.length], ({ written }) => [written]),
    },
    auxiliary: sum(lanes.map(({ auxiliary }) => auxiliary)),
  };
}

// --- internal ---

interface Weights {
  readonly WQ: readonly Matrix[]; // [H][D][d]
  readonly WK: readonly Matrix[]; // [K][D][d]
  readonly WV: readonly Matrix[]; // [K][D][d]
  readonly WO: Matrix; // [H*d][D]
  readonly kernel: Matrix; // [r*D][D]
  readonly bias: Vector; // [D]
}

interface Lane {
  readonly outputs: Matrix; // [T][D]
  readonly memory: Matrix; // [up to m][D], oldest first
  readonly compressed: Matrix; // [up to c][D], oldest first
  readonly written: number;
  readonly auxiliary: number;
}

function readLane(config: CompressiveConfig, weights: Weights, xs: Matrix): Lane {
  const { segmentLength: N, memoryLength: m, compressedLength: c } = config;
  const outputs: Vector[] = [];
  let [memory, compressed, segment]: [Matrix, Matrix, Vector[]] = [[], [], []];
  let [written, auxiliary] = [0, 0];
  for (const x of xs) {
    segment.push(x);
    const seen = [...compressed, ...memory, ...segment];
    const places = [
      ...compressed.map((_, i) => c - compressed.length + i),
      ...memory.map((_, i) => c + m - memory.length + i),
    ];
    const heads = attend(config, weights, x, seen, [...places, ...segment.map((_, i) => c + m + i)]);
    outputs.push(times(heads, weights.WO));
    if (segment.length < N) continue;
    if (memory.length === m) {
      const old = memory.slice(0, N);
      const pressed = compress(config, weights, old);
      auxiliary += sum(segment.map((h) => lossOf(config, weights, h, old, pressed)));
      compressed = [...compressed, ...pressed].slice(-c);
    }
    [memory, segment, written] = [[...memory, ...segment].slice(-m), [], written + 1];
  }
  return { outputs, memory, compressed, written, auxiliary };
}

/**
 * What a token gathers from the vectors it sees, all heads side by side; with the places of those vectors, its own
 * last.
 */
function attend(config: CompressiveConfig, { WQ, WK, WV }: Weights, x: Vector, seen: Matrix, places?: Vector): Vector {
  const turned = (vector: Vector, i: number): Vector => (places ? rotate(config, vector, at(places, i)) : vector);
  const { numHeads: H, numKeyValueHeads: K, headDim: d } = config;
  return range(H).flatMap((h) => {
    const head = Math.floor(h / (H / K));
    const q = turned(times(x, at(WQ, h)), seen.length - 1);
    const scores = seen.map((vector, i) => dot(q, turned(times(vector, at(WK, head)), i)) / Math.sqrt(d));
    return weigh(
      scores,
      seen.map((vector) => times(vector, at(WV, head))),
    );
  });
}

/** f_c: each `rate` vectors side by side, times the kernel. */
function compress({ rate }: CompressiveConfig, { kernel, bias }: Weights, old: Matrix): Matrix {
  return range(old.length / rate).map((i) => plus(times(old.slice(i * rate, (i + 1) * rate).flat(), kernel), bias));
}

/** Mean square of attn(h, old) - attn(h, f_c(old)). */
function lossOf(config: CompressiveConfig, weights: Weights, h: Vector, old: Matrix, pressed: Matrix): number {
  const lost = minus(attend(config, weights, h, old), attend(config, weights, h, pressed));
  return dot(lost, lost) / lost.length;
}

function readParams(
  { numHeads: H, numKeyValueHeads: K }: CompressiveConfig,
  params: CompressiveParams<NumericTensor>,
): Weights {
  return {
    WQ: perHead(columns(params.query), H),
    WK: perHead(columns(params.key), K),
    WV: perHead(columns(params.value), K),
    WO: columns(params.output),
    kernel: columns(params.compression.kernel),
    bias: row(params.compression.bias, 0),
  };
}
