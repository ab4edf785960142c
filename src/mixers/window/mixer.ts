import {
  add,
  broadcastTo,
  cast,
  concat,
  constant,
  equal,
  iota,
  less,
  max,
  min,
  mul,
  reshape,
  slice,
  sub,
  transpose,
  where,
} from "../../graph/builder.ts";
import { intTensor, zeros } from "../../tensor/host-tensor.ts";
import { axisSize } from "../../graph/infer.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { applyRope, ropeRows, ropeSlice, ropeTables } from "../../nn/rope.ts";
import { linear, type Weight } from "../../nn/weight.ts";
import { emptyKeys, joinKeys, type KeysAndValues } from "../shared/keys.ts";
import type { OpenState, SequenceMixer } from "../contract.ts";
import { projectionSpecs } from "../shared/projections.ts";
import { perLane } from "../shared/lanes.ts";
import { countSegments, tokensBefore, windowsOf, writerAt } from "../shared/segments.ts";
import { HIDDEN } from "../../graph/limits.ts";
import { HALF, hideOutside, scoresOf, weightedValues } from "../shared/softmax.ts";
import { blockLength, checkWindow, type WindowConfig } from "./config.ts";
import type { WindowParams } from "./params.ts";

/** What is carried from segment to segment: keys and values, without positions. */
export type WindowState<T> = {
  /** Of the last W tokens. */
  readonly cache: KeysAndValues<T>; // [B, K, W, d] each
  /** Of the first tokens of the sequence; with `sinks` only. */
  readonly sinks?: KeysAndValues<T>; // [B, K, sinks, d] each
  /** Tokens read so far. */
  readonly seen: T; // [B]
};

/** Keys and values of the open segment, without positions; rows not yet read are zero. */
export type WindowSegment<T> = KeysAndValues<T>; // [B, K, N, d] each

/**
 * Causal softmax attention in which a token sees itself, the W - 1 tokens before it and the first `sinks` tokens of the
 * sequence (StreamingLLM, arXiv 2309.17453).
 *
 * Positions are places in the cache, not in the text: the sinks come first, then the tokens of the window, without a gap,
 * and are rotated by their places (RoPE) at every use. So no distance exceeds sinks + W - 1, however long
 * the stream. Without sinks, scores depend only on the distance in the text.
 *
 * Throws RangeError when the window or the sinks do not fit the segments.
 */
export function windowAttention(config: WindowConfig): SequenceMixer {
  checkWindow(config);
  const { segmentLength: N, windowLength: W } = config;
  return {
    specs: (outputGain) => projectionSpecs(config, outputGain),
    initialState: (batch) => ({
      cache: emptyKeys(config, W, batch),
      ...(config.sinks > 0 && { sinks: emptyKeys(config, config.sinks, batch) }),
      seen: zeros([batch]),
    }),
    emptySegment: (batch) => emptyKeys(config, N, batch),

    apply(tree, x, states) {
      const [params, state] = [tree as WindowParams<Weight>, states as WindowState<Tensor>];
      const T = countSegments(x, N) * N;
      const own = projectKeys(config, params, x);
      const after = push(config, state, own);
      const L = blockLength(config, T);
      const A = attend(config, {
        queries: splitQueries(config, linear(x, params.query), T / L),
        offset: iota(1),
        blockLength: L,
        rows: joinKeys(state.cache, own),
        sinks: after.sinks,
        seen: state.seen,
      });
      return { y: linear(A, params.output), state: after };
    },

    extend(tree, x, open, place) {
      const params = tree as WindowParams<Weight>;
      const { state, segment } = open as OpenState & { state: WindowState<Tensor>; segment: WindowSegment<Tensor> };
      const put = writerAt(place, axisSize(x.shape, 1), N);
      const { keys, values } = projectKeys(config, params, x);
      const filled = { keys: put(segment.keys, keys), values: put(segment.values, values) };
      const A = attend(config, {
        queries: splitQueries(config, linear(x, params.query), 1),
        offset: place.offset,
        blockLength: N,
        rows: joinKeys(state.cache, filled),
        sinks: state.sinks, // no token of the open segment acts as a sink for another: the window still has it
        seen: state.seen,
      });
      return { y: linear(A, params.output), state, rows: { keys, values } };
    },

    commit(_, open) {
      const { state, segment } = open as OpenState & { state: WindowState<Tensor>; segment: WindowSegment<Tensor> };
      return push(config, state, segment);
    },
  };
}

/**
 * Full causal attention over contexts of up to `contextLength` tokens, a multiple of N: a window that holds all of
 * them. Anything further back is forgotten.
 */
export function fullAttention({
  contextLength,
  ...config
}: Omit<WindowConfig, "windowLength" | "sinks"> & { readonly contextLength: number }): SequenceMixer {
  return windowAttention({ ...config, windowLength: contextLength, sinks: 0 });
}

// --- internal ---

/** The state after some more tokens [B, K, T, d]. */
function push(
  { sinks, windowLength: W }: WindowConfig,
  state: WindowState<Tensor>,
  own: KeysAndValues<Tensor>,
): WindowState<Tensor> {
  const T = axisSize(own.keys.shape, 2);
  const isFirst = reshape(cast(equal(state.seen, 0), "float32"), [axisSize(state.seen.shape, 0), 1, 1, 1]);
  const keep = (kept: Tensor, rows: Tensor): Tensor => add(kept, mul(isFirst, slice(rows, 2, 0, sinks)));
  const last = (kept: Tensor, rows: Tensor): Tensor => slice(concat([kept, rows], 2), 2, T, T + W);
  return {
    cache: mapKeys(last, state.cache, own),
    ...(state.sinks && { sinks: mapKeys(keep, state.sinks, own) }),
    seen: add(state.seen, T),
  };
}

/** Queries in S blocks of the text and everything they can see. */
interface View {
  readonly queries: Tensor; // [B, K, S, G, C, d]
  /** Place of the first query in its block, int32. */
  readonly offset: Tensor; // [B], or [1] for all lanes
  readonly blockLength: number; // L
  /** The W tokens before the first block and those of all blocks. */
  readonly rows: KeysAndValues<Tensor>; // [B, K, W + S*L, d] each
  readonly sinks: KeysAndValues<Tensor> | undefined; // [B, K, sinks, d] each
  /** Tokens read before the first block. */
  readonly seen: Tensor; // [B]
}

/** What the queries gather from all they see, heads side by side: [B, S*C, H*d]. */
function attend(config: WindowConfig, view: View): Tensor {
  const { headDim, ropeBase, windowLength: W } = config;
  const [B, , S, , C] = view.queries.shape as unknown as [number, number, number, number, number];
  const [L, width] = [view.blockLength, axisSize(view.rows.keys.shape, 2)];
  const place = add(iota(C), perLane(view.offset, 5)); // [B or 1, 1, 1, 1, C]
  const times = {
    before: reshape(tokensBefore(view.seen, S, L), [B, 1, S, 1, 1, 1]),
    place: reshape(cast(place, "float32"), [...place.shape, 1]),
  };
  const tables = ropeTables(width + C, headDim, ropeBase);
  const placed = applyRope(view.queries, ropeRows(tables, add(starts(S, L, W), place)));
  const keys = windowsOf(applyRope(view.rows.keys, ropeSlice(tables, 0, width)), S, W);
  const values = windowsOf(view.rows.values, S, W);
  const own = add(times.place, W); // the row of the query itself
  const first = max(add(own, 1 - W), sub(W, times.before)); // rows never written come before it
  const scores = add(scoresOf(placed, keys), hideOutside(axisSize(keys.shape, 3), first, own));
  if (!view.sinks) return mergeQueries(weightedValues(scores, values));
  const toSinks = sinkScores(config, view.queries, view.sinks.keys, times);
  const sinkValues = inEachBlock(view.sinks.values, S);
  return mergeQueries(weightedValues(concat([toSinks, scores], -1), concat([sinkValues, values], -2)));
}

/** Offsets of queries, in tokens. */
interface Times {
  /** From the start of the text to each block. */
  readonly before: Tensor; // [B, 1, S, 1, 1, 1]
  /** From the start of its block to each query. */
  readonly place: Tensor; // [B or 1, 1, 1, 1, C, 1]
}

/** Scores of sinks that have left the window [B, K, S, G, C, sinks]; those still in it are hidden here. */
function sinkScores(
  { sinks, windowLength: W, headDim, ropeBase }: WindowConfig,
  queries: Tensor,
  keys: Tensor,
  { before, place }: Times,
): Tensor {
  const tables = ropeTables(sinks + W, headDim, ropeBase);
  const time = add(before, add(place, HALF)); // [B, 1, S, 1, C, 1]
  const placed = reshape(cast(min(time, sinks + W - 1), "int32"), time.shape.slice(0, -1));
  const scores = scoresOf(
    applyRope(queries, ropeRows(tables, placed)),
    inEachBlock(applyRope(keys, ropeSlice(tables, 0, sinks)), 1),
  );
  const leaves = add(cast(iota(sinks), "float32"), W);
  return add(scores, where(less(time, leaves), HIDDEN, 0));
}

/** Where each block begins among the rows, int32 [S, 1, 1]. */
function starts(S: number, L: number, W: number): Tensor {
  const rows = Int32Array.from({ length: S }, (_, s) => W + s * L);
  return constant(intTensor([S, 1, 1], rows));
}

/** [B, K, rows, d] -> [B, K, S, rows, d] */
function inEachBlock(rows: Tensor, S: number): Tensor {
  const [B, K, ...rest] = rows.shape as unknown as [number, number, number, number];
  return broadcastTo(reshape(rows, [B, K, 1, ...rest]), [B, K, S, ...rest]);
}

/** [B, S*C, H*d] -> [B, K, S, G, C, d] */
function splitQueries({ numHeads: H, numKeyValueHeads: K, headDim: d }: WindowConfig, x: Tensor, S: number): Tensor {
  const [B, T] = [axisSize(x.shape, 0), axisSize(x.shape, 1)];
  return transpose(reshape(x, [B, S, T / S, K, H / K, d]), [0, 3, 1, 4, 2, 5]);
}

/** [B, K, S, G, C, d] -> [B, S*C, H*d] */
function mergeQueries(A: Tensor): Tensor {
  const [B, K, S, G, C, d] = A.shape as unknown as [number, number, number, number, number, number];
  return reshape(transpose(A, [0, 2, 4, 1, 3, 5]), [B, S * C, K * G * d]);
}

/** Keys and values [B, K, T, d] of x [B, T, D]. */
function projectKeys(
  { numKeyValueHeads: K, headDim: d }: WindowConfig,
  { key, value }: WindowParams<Weight>,
  x: Tensor,
): KeysAndValues<Tensor> {
  const [B, T] = [axisSize(x.shape, 0), axisSize(x.shape, 1)];
  const split = (weights: Weight): Tensor => transpose(reshape(linear(x, weights), [B, T, K, d]), [0, 2, 1, 3]);
  return { keys: split(key), values: split(value) };
}

function mapKeys(
  join: (kept: Tensor, rows: Tensor) => Tensor,
  kept: KeysAndValues<Tensor>,
  own: KeysAndValues<Tensor>,
): KeysAndValues<Tensor> {
  return { keys: join(kept.keys, own.keys), values: join(kept.values, own.values) };
}
