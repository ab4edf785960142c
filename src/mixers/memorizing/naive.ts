import type { Shape } from "../../tensor/host-tensor.ts";
import {
  at,
  dot,
  lanesOf,
  lastOf,
  perHead,
  plus,
  range,
  rotate,
  row,
  scale,
  sigmoid,
  times,
  weigh,
  type Matrix,
  type NumericTensor,
  type Vector,
  columns,
} from "../testing/naive-math.ts";
import type { MemorizingConfig } from "./config.ts";
import type { MemorizingState } from "./mixer.ts";
import type { MemorizingParams } from "./params.ts";

/*
 * The memory layer of a Memorizing Transformer, one token at a time and with a search that sorts everything stored. It
 * is the reference that mixer.ts is checked against and shares nothing with it but types. Slow.
 */

export interface NaiveMemorizing {
  readonly y: NumericTensor; // [B, T, D]
  /** After the last full segment. */
  readonly state: MemorizingState<NumericTensor>;
}

/** The layer for x [B, T, D] of any length T, from an empty store. */
export function naiveMemorizing(
  config: MemorizingConfig,
  params: MemorizingParams<NumericTensor>,
  x: NumericTensor,
): NaiveMemorizing {
  const { numKeyValueHeads: K, headDim: d, segmentLength: N, storeSize: M } = config;
  const lanes = lanesOf(x).map((tokens) => readLane(config, params, tokens));
  const join = (shape: Shape, part: (lane: Lane) => Vector): NumericTensor => ({ shape, data: lanes.flatMap(part) });
  const rows = (size: number, part: (lane: Lane, head: number) => Matrix): NumericTensor =>
    join([lanes.length, K, size, d], (lane) => range(K).flatMap((head) => lastOf(part(lane, head), size, d).flat()));
  return {
    y: join(x.shape, ({ outputs }) => outputs.flat()),
    state: {
      store: {
        keys: rows(M, ({ store }, head) => at(store, head).map(({ key }) => key)),
        values: rows(M, ({ store }, head) => at(store, head).map(({ value }) => value)),
      },
      cache: {
        keys: rows(N, ({ cache }, head) => cache.map(({ k }, t) => rotate(config, at(k, head), t))),
        values: rows(N, ({ cache }, head) => cache.map(({ v }) => at(v, head))),
      },
      written: join([lanes.length], ({ written }) => [written]),
    },
  };
}

// --- internal ---

interface Token {
  readonly k: Matrix; // [K][d]
  readonly v: Matrix; // [K][d]
}

interface Pair {
  readonly key: Vector; // [d], of unit length
  readonly value: Vector; // [d]
}

interface Lane {
  readonly outputs: Matrix; // [T][D]
  readonly store: readonly (readonly Pair[])[]; // [K][up to M], oldest first
  readonly cache: readonly Token[]; // the segment before, if any
  readonly written: number;
}

function readLane(config: MemorizingConfig, params: MemorizingParams<NumericTensor>, xs: Matrix): Lane {
  const { numHeads: H, numKeyValueHeads: K, segmentLength: N, storeSize: M } = config;
  const [WQ, WK, WV] = [
    perHead(columns(params.query), H),
    perHead(columns(params.key), K),
    perHead(columns(params.value), K),
  ];
  const [b, scales] = [row(params.gate, 0), row(params.scale, 0)];
  const outputs: Vector[] = [];
  let store = range(K).map((): readonly Pair[] => []);
  let [segment, cache, written]: [Token[], Token[], number] = [[], [], 0];
  for (const x of xs) {
    segment.push({ k: WK.map((W) => times(x, W)), v: WV.map((W) => times(x, W)) });
    const heads = WQ.map((W, h) => {
      const [q, head] = [times(x, W), Math.floor(h / (H / K))];
      const local = attendLocally(config, q, [...cache, ...segment], N - cache.length, head);
      if (at(store, head).length === 0) return local;
      const g = sigmoid(at(b, h));
      const retrieved = retrieve(config, q, at(store, head), Math.abs(at(scales, h)));
      return plus(scale(1 - g, local), scale(g, retrieved));
    });
    outputs.push(times(heads.flat(), columns(params.output)));
    if (segment.length < N) continue;
    const full = segment;
    store = store.map((pairs, head) =>
      [...pairs, ...full.map(({ k, v }) => ({ key: unit(at(k, head)), value: at(v, head) }))].slice(-M),
    );
    [segment, cache, written] = [[], full, written + 1];
  }
  return { outputs, store, cache, written };
}

/** softmax(q K^T / sqrt(d)) V of the last token seen; `first` is the place of the first token seen. */
function attendLocally(
  config: MemorizingConfig,
  q: Vector,
  seen: readonly Token[],
  first: number,
  head: number,
): Vector {
  const query = rotate(config, q, first + seen.length - 1);
  const scores = seen.map(({ k }, i) => dot(query, rotate(config, at(k, head), first + i)) / Math.sqrt(config.headDim));
  return weigh(
    scores,
    seen.map(({ v }) => at(v, head)),
  );
}

/**
 * The values of the nearest pairs, weighted by the softmax of their scaled cosines. No two pairs may be equally near.
 */
function retrieve({ topK }: MemorizingConfig, q: Vector, store: readonly Pair[], factor: number): Vector {
  const near = store
    .map(({ key, value }) => ({ cosine: dot(unit(q), key), value }))
    .toSorted((one, other) => other.cosine - one.cosine)
    .slice(0, topK);
  return weigh(
    near.map(({ cosine }) => factor * cosine),
    near.map(({ value }) => value),
  );
}

/** x / |x| */
function unit(x: Vector): Vector {
  return scale(1 / Math.sqrt(dot(x, x) + 1e-6), x);
}
