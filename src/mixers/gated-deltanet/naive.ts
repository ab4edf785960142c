import {
  at,
  dot,
  float32,
  lanesOf,
  matrix,
  minus,
  plusOuter,
  product,
  range,
  rmsNorm,
  row,
  scale,
  scaleAll,
  sigmoid,
  silu,
  softplus,
  split,
  times,
  total,
  zeroMatrix,
  type Matrix,
  type NumericTensor,
  type Vector,
  columns,
} from "../testing/naive-math.ts";
import type { GatedDeltaNetConfig } from "./config.ts";
import type { GatedDeltaNetState } from "./mixer.ts";
import type { GatedDeltaNetParams } from "./params.ts";

/*
 * Gated DeltaNet as a recurrence: one token at a time, in plain loops and double precision. It is the
 * reference that mixer.ts is checked against and shares nothing with it but types. Slow.
 */

export interface NaiveGatedDeltaNetResult {
  readonly y: NumericTensor; // [B, T, D]
  readonly state: GatedDeltaNetState<NumericTensor>;
}

/** The layer for x [B, T, D] of any length T, from an empty past. */
export function naiveGatedDeltaNet(
  config: GatedDeltaNetConfig,
  params: GatedDeltaNetParams<NumericTensor>,
  x: NumericTensor,
): NaiveGatedDeltaNetResult {
  const { numHeads: H, headDim: d } = config;
  const read = lanesOf(x).map((xs) => readLane(config, params, xs));
  return {
    y: { shape: x.shape, data: read.flatMap(({ outputs }) => outputs.flat()) },
    state: {
      memory: { shape: [read.length, H, d, d], data: read.flatMap(({ memory }) => memory.flat(2)) },
      previous: { shape: [read.length, 3, 3 * H * d], data: read.flatMap(({ previous }) => previous.flat()) },
    },
  };
}

// --- internal ---

interface Lane {
  readonly outputs: Matrix; // [T][D]
  readonly memory: readonly Matrix[]; // S [H][d][d]
  readonly previous: Matrix; // [3][3*H*d], newest last
}

function readLane(config: GatedDeltaNetConfig, params: GatedDeltaNetParams<NumericTensor>, xs: Matrix): Lane {
  const { numHeads: H, headDim: d, normEpsilon } = config;
  const weights = {
    projections: [params.query, params.key, params.value].map(columns),
    taps: matrix(params.convolution.taps),
    write: columns(params.write),
    forget: columns(params.forget),
    gate: columns(params.outputGate),
    output: columns(params.output),
  };
  const perHead = (x: Vector): Vector[] =>
    split(
      x,
      range(H).map(() => d),
    );
  const queryScale = float32(1 / Math.sqrt(d));
  const outputs: Vector[] = [];
  let memory: readonly Matrix[] = range(H).map(() => zeroMatrix(d, d));
  let previous: Matrix = zeroMatrix(3, 3 * H * d);
  for (const x of xs) {
    const recent = [...previous, weights.projections.flatMap((W) => times(x, W))];
    const seen = silu(total(weights.taps.map((tap, j) => product(tap, at(recent, recent.length - 1 - j)))));
    const [q, k, v] = [0, 1, 2].map((i) => perHead(seen.slice(i * H * d, (i + 1) * H * d)));
    const strengths = times(x, weights.write).map(sigmoid);
    const forgets = times(x, weights.forget);
    memory = memory.map((S, head) => {
      const forget = softplus(at(forgets, head) + at(params.forgetBias.data, head));
      const decay = Math.exp(-Math.exp(at(params.logRate.data, head)) * forget);
      return step(S, unit(at(k ?? [], head)), at(v ?? [], head), at(strengths, head), decay);
    });
    const read = memory.map((S, head) => times(scale(queryScale, unit(at(q ?? [], head))), S));
    const normed = read.flatMap((o) => rmsNorm(o, row(params.norm, 0), normEpsilon));
    outputs.push(times(product(normed, silu(times(x, weights.gate))), weights.output));
    previous = recent.slice(1);
  }
  return { outputs, memory, previous };
}

/** S_t = a (I - b k^T k) S_{t-1} + b k^T v */
function step(S: Matrix, k: Vector, v: Vector, b: number, a: number): Matrix {
  const decayed = scaleAll(a, S);
  return plusOuter(decayed, k, scale(b, minus(v, times(k, decayed))));
}

function unit(x: Vector): Vector {
  return scale(1 / Math.sqrt(dot(x, x) + 1e-6), x);
}
