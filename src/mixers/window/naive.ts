import {
  at,
  dot,
  lanesOf,
  perHead,
  range,
  rotate,
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
import type { WindowConfig } from "./config.ts";
import type { WindowState } from "./mixer.ts";
import type { WindowParams } from "./params.ts";

/*
 * Attention over a cache of sinks and recent tokens, one token at a time, in plain loops and double precision. It is
 * the reference that mixer.ts is checked against and shares nothing with it but types. Slow.
 */

export interface NaiveResult {
  readonly y: NumericTensor; // [B, T, D]
  /** After the last full segment. */
  readonly state: WindowState<NumericTensor>;
}

/** For x [B, T, D] of any length T, from an empty cache. */
export function naiveWindow(config: WindowConfig, params: WindowParams<NumericTensor>, x: NumericTensor): NaiveResult {
  const { numKeyValueHeads: K, headDim: d, modelDim: D, segmentLength: N, windowLength: W, sinks } = config;
  const [B, T] = [sizeAt(x, 0), sizeAt(x, 1)];
  const lanes = lanesOf(x).map((tokens) => readLane(config, params, tokens));
  const read = T - (T % N); // in full segments
  const kept = (first: number, rows: number): WindowState<NumericTensor>["cache"] => {
    const part = (name: "k" | "v"): NumericTensor => ({
      shape: [B, K, rows, d],
      data: lanes.flatMap(({ tokens }) =>
        range(K).flatMap((head) =>
          range(rows).flatMap((i) => {
            const t = first + i;
            return t >= 0 && t < read ? at(at(tokens, t)[name], head) : zeros(d);
          }),
        ),
      ),
    });
    return { keys: part("k"), values: part("v") };
  };
  return {
    y: { shape: [B, T, D], data: lanes.flatMap(({ outputs }) => outputs.flat()) },
    state: {
      cache: kept(read - W, W),
      ...(sinks > 0 && { sinks: kept(0, sinks) }),
      seen: { shape: [B], data: lanes.map(() => read) },
    },
  };
}

// --- internal ---

interface Token {
  readonly k: Matrix; // [K][d]
  readonly v: Matrix; // [K][d]
}

interface Lane {
  readonly outputs: Matrix; // [T][D]
  readonly tokens: readonly Token[]; // [T]
}

function readLane(config: WindowConfig, params: WindowParams<NumericTensor>, xs: Matrix): Lane {
  const { numHeads: H, numKeyValueHeads: K, windowLength: W, sinks } = config;
  const WQ = perHead(columns(params.query), H);
  const WK = perHead(columns(params.key), K);
  const WV = perHead(columns(params.value), K);
  const WO = columns(params.output);
  const [outputs, tokens]: [Vector[], Token[]] = [[], []];
  for (const [t, x] of xs.entries()) {
    tokens.push({ k: WK.map((weights) => times(x, weights)), v: WV.map((weights) => times(x, weights)) });
    const cache = tokens.filter((_, s) => s < sinks || s > t - W); // its places are the positions
    const heads = WQ.map(
      (weights, h) => attend(config, times(x, weights), cache, Math.floor(h / (H / K))), // the key/value head that h reads
    );
    outputs.push(times(heads.flat(), WO));
  }
  return { outputs, tokens };
}

/** softmax(q K^T / sqrt(d)) V for the last token of the cache. */
function attend(config: WindowConfig, q: Vector, cache: readonly Token[], head: number): Vector {
  const query = rotate(config, q, cache.length - 1);
  const scores = cache.map(
    ({ k }, place) => dot(query, rotate(config, at(k, head), place)) / Math.sqrt(config.headDim),
  );
  const weights = softmaxOf(scores);
  return total(cache.map(({ v }, place) => scale(at(weights, place), at(v, head))));
}
