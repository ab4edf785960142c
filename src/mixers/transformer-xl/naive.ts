import {
  at,
  dot,
  float32,
  lanesOf,
  matrix,
  perHead,
  plus,
  range,
  scale,
  sizeAt,
  softmaxOf,
  times,
  total,
  zeros,
  type Matrix,
  type NumericTensor,
  type Vector,
  columns,
} from "../testing/naive-math.ts";
import type { TransformerXlConfig } from "./config.ts";
import type { TransformerXlState } from "./mixer.ts";
import type { TransformerXlParams } from "./params.ts";

/*
 * Attention of Transformer-XL as the paper writes it: one token at a time, in plain loops and double precision. It is
 * the reference that mixer.ts is checked against and shares nothing with it but types. Slow.
 */

export interface NaiveResult {
  readonly y: NumericTensor; // [B, T, D]
  /** After the last full segment. */
  readonly state: TransformerXlState<NumericTensor>;
}

/** For x [B, T, D] of any length T, from an empty cache. */
export function naiveTransformerXl(
  config: TransformerXlConfig,
  params: TransformerXlParams<NumericTensor>,
  x: NumericTensor,
): NaiveResult {
  const { modelDim: D, segmentLength: N, cacheLength: M } = config;
  const [B, T] = [sizeAt(x, 0), sizeAt(x, 1)];
  const lanes = lanesOf(x);
  const read = T - (T % N); // in full segments
  const weights = readParams(config, params);
  const kept = (inputs: Matrix): Matrix =>
    range(M).map((i) => (read - M + i < 0 ? zeros(D) : at(inputs, read - M + i)));
  return {
    y: {
      shape: [B, T, D],
      data: lanes.flatMap((inputs) => range(T).flatMap((t) => readToken(config, weights, inputs, t))),
    },
    state: {
      cache: { shape: [B, M, D], data: lanes.flatMap((inputs) => kept(inputs).flat()) },
      seen: { shape: [B], data: lanes.map(() => read) },
    },
  };
}

// --- internal ---

interface Weights {
  readonly WQ: readonly Matrix[]; // [H][D][d]
  readonly WKE: readonly Matrix[]; // [H][D][d]
  readonly WKR: readonly Matrix[]; // [H][D][d]
  readonly WV: readonly Matrix[]; // [H][D][d]
  readonly WO: Matrix; // [H*d][D]
  readonly u: Matrix; // [H][d]
  readonly v: Matrix; // [H][d]
}

function readParams({ numHeads: H }: TransformerXlConfig, params: TransformerXlParams<NumericTensor>): Weights {
  return {
    WQ: perHead(columns(params.query), H),
    WKE: perHead(columns(params.key), H),
    WKR: perHead(columns(params.position), H),
    WV: perHead(columns(params.value), H),
    WO: columns(params.output),
    u: matrix(params.contentBias),
    v: matrix(params.positionBias),
  };
}

/** y_i for token i of the inputs [T][D] of one lane. */
function readToken(config: TransformerXlConfig, weights: Weights, inputs: Matrix, i: number): Vector {
  const { numHeads, headDim, modelDim, segmentLength: N, cacheLength: M } = config;
  const segment = i - (i % N);
  const seen = range(i + 1).filter((j) => j >= segment - M);
  const heads = range(numHeads).map((h) => {
    const q = times(at(inputs, i), at(weights.WQ, h));
    const scores = seen.map((j) => {
      const k = times(at(inputs, j), at(weights.WKE, h));
      const r = times(sinusoid(i - j, modelDim), at(weights.WKR, h));
      return (dot(plus(q, at(weights.u, h)), k) + dot(plus(q, at(weights.v, h)), r)) * float32(1 / Math.sqrt(headDim));
    });
    const shares = softmaxOf(scores);
    return total(seen.map((j, n) => scale(at(shares, n), times(at(inputs, j), at(weights.WV, h)))));
  });
  return times(heads.flat(), weights.WO);
}

/** R of a distance: sin(distance * w) for each w = 10000^(-2j/D), then cos(distance * w). */
function sinusoid(distance: number, D: number): Vector {
  const angles = range(D / 2).map((j) => distance * 10_000 ** ((-2 * j) / D));
  return [...angles.map(Math.sin), ...angles.map(Math.cos)].map(float32);
}
