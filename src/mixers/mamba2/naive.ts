import {
  at,
  lanesOf,
  matrix,
  plus,
  plusOuter,
  product,
  range,
  rmsNorm,
  row,
  scale,
  scaleAll,
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
import { mamba2Sizes, type Mamba2Config } from "./config.ts";
import type { Mamba2State } from "./mixer.ts";
import type { Mamba2Params } from "./params.ts";

/*
 * Mamba-2 as a recurrence: one token at a time, in plain loops and double precision. It is the reference
 * that mixer.ts is checked against and shares nothing with it but types. Slow.
 */

export interface NaiveMamba2Result {
  readonly y: NumericTensor; // [B, T, D]
  readonly state: Mamba2State<NumericTensor>;
}

/** The layer for x [B, T, D] of any length T, from an empty past. */
export function naiveMamba2(
  config: Mamba2Config,
  params: Mamba2Params<NumericTensor>,
  x: NumericTensor,
): NaiveMamba2Result {
  const { inner, heads } = mamba2Sizes(config);
  const { stateDim: n, headDim: P } = config;
  const read = lanesOf(x).map((xs) => readLane(config, params, xs));
  return {
    y: { shape: x.shape, data: read.flatMap(({ outputs }) => outputs.flat()) },
    state: {
      memory: { shape: [read.length, heads, n, P], data: read.flatMap(({ memory }) => memory.flat(2)) },
      previous: { shape: [read.length, 3, inner + 2 * n], data: read.flatMap(({ previous }) => previous.flat()) },
    },
  };
}

// --- internal ---

interface Lane {
  readonly outputs: Matrix; // [T][D]
  readonly memory: readonly Matrix[]; // h [H][n][P]
  readonly previous: Matrix; // [3][I + 2n], newest last
}

function readLane(config: Mamba2Config, params: Mamba2Params<NumericTensor>, xs: Matrix): Lane {
  const { inner, heads } = mamba2Sizes(config);
  const { stateDim: n, headDim: P, normEpsilon } = config;
  const weights = {
    projections: [params.value, params.key, params.query].map(columns),
    gate: columns(params.outputGate),
    step: columns(params.step),
    output: columns(params.output),
  };
  const rates = row(params.logRate, 0).map(Math.exp); // -A
  const outputs: Vector[] = [];
  let memory: readonly Matrix[] = range(heads).map(() => zeroMatrix(n, P));
  let previous: Matrix = zeroMatrix(3, inner + 2 * n);
  for (const x of xs) {
    const recent = [...previous, weights.projections.flatMap((W) => times(x, W))];
    const [v = [], k = [], q = []] = split(silu(convolved(params, recent)), [inner, n, n]);
    const dt = plus(times(x, weights.step), row(params.stepBias, 0)).map(softplus);
    const values = split(
      v,
      range(heads).map(() => P),
    );
    memory = memory.map((h, head) => {
      const kept = scaleAll(Math.exp(-at(dt, head) * at(rates, head)), h);
      return plusOuter(kept, k, scale(at(dt, head), at(values, head)));
    });
    const y = memory.flatMap((h, head) => plus(times(q, h), scale(at(params.skip.data, head), at(values, head))));
    const gated = product(y, silu(times(x, weights.gate)));
    outputs.push(times(rmsNorm(gated, row(params.norm, 0), normEpsilon), weights.output));
    previous = recent.slice(1);
  }
  return { outputs, memory, previous };
}

/** Of the last four tokens, newest last: bias + sum over j of taps[j] times the token j places back. */
function convolved({ convolution }: Mamba2Params<NumericTensor>, recent: Matrix): Vector {
  const terms = matrix(convolution.taps).map((tap, j) => product(tap, at(recent, recent.length - 1 - j)));
  return total([...terms, ...(convolution.bias ? [row(convolution.bias, 0)] : [])]);
}
