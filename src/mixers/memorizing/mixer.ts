import { add, concat, l2Normalize, max, mul, neg, reshape, stopGradient, transpose } from "../../graph/builder.ts";
import { zeros } from "../../tensor/host-tensor.ts";
import { axisSize } from "../../graph/infer.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { mapTree } from "../../tensor/tree.ts";
import { linear, type Weight } from "../../nn/weight.ts";
import { hideEmpty, newest, windows } from "../shared/fifo.ts";
import { mergeHeads, splitGroups, splitHeads } from "../shared/heads.ts";
import { mixByGate, pastOf } from "../infini/gate.ts";
import { withSegmentAxis } from "../shared/scan.ts";
import { attendInOpen, attendInSegments, cacheAfter, cacheOf, withoutPositions } from "../infini/window.ts";
import { emptyKeys, type KeysAndValues } from "../shared/keys.ts";
import type { SequenceMixer } from "../contract.ts";
import { countSegments, tokensBefore } from "../shared/segments.ts";
import { checkMemorizing, type MemorizingConfig } from "./config.ts";
import { memorizingSpecs, type MemorizingParams } from "./params.ts";
import { retrieve } from "./retrieval.ts";

/** What is carried from segment to segment. */
export type MemorizingState<T> = {
  /** The last M keys, of unit length, and values; the newest is last, and rows not yet written are zero. */
  readonly store: KeysAndValues<T>; // [B, K, M, d] each
  /** Keys, turned by their positions, and values of the segment before. */
  readonly cache: KeysAndValues<T>; // [B, K, N, d] each
  /** Segments read so far. */
  readonly written: T; // [B]
};

/** Keys, turned by their positions, and values of the open segment; rows not yet read are zero. */
export type MemorizingSegment<T> = KeysAndValues<T>; // [B, K, N, d] each

/**
 * The memory layer of a Memorizing Transformer (arXiv 2203.08913, section 3; google-research/meliad): attention over
 * the segment and the one before it, and over the stored pairs nearest to each query, mixed by one gate for each head,
 * (1 - g) local + g retrieved. Only the local path while nothing is stored.
 *
 * As in meliad, a segment is stored after it has been read, and the one in the cache is in the store as well: both
 * paths see it. Stored keys have no positions, and no gradient reaches what is stored. Unlike meliad: local attention
 * has rotary positions and divides by sqrt(d), as the other mixers here do, where meliad has a T5 bias (or none in this
 * layer) and the scaled cosines of the retrieval; local attention reaches back to the start of the segment before, not
 * N tokens; the search is exact, not by buckets; while fewer than `topK` pairs are stored only those count, where
 * meliad includes zeros.
 *
 * Throws RangeError for a store that does not fit, see {@link checkMemorizing}.
 */
export function memorizingAttention(config: MemorizingConfig): SequenceMixer {
  checkMemorizing(config);
  const { segmentLength: N, storeSize } = config;
  return {
    specs: (outputGain) => memorizingSpecs(config, outputGain),
    initialState: (batch) => ({
      store: emptyKeys(config, storeSize, batch),
      cache: emptyKeys(config, N, batch),
      written: zeros([batch]),
    }),
    emptySegment: (batch) => emptyKeys(config, N, batch),

    apply(tree, x, states) {
      const [params, state] = [tree as MemorizingParams<Tensor, Weight>, states as MemorizingState<Tensor>];
      const segments = countSegments(x, N);
      const { queries, ...own } = project(config, params, x, segments);
      const local = attendInSegments(config, queries, own, pastOf(state.written, segments), state.cache);
      const rows = storedRows(
        state.store,
        mapTree(own, (leaf) => joinSegments(leaf as Tensor)),
      );
      const store = mapTree<KeysAndValues<Tensor>>(rows, (leaf) =>
        windows(withSegmentAxis(leaf as Tensor), segments, N, storeSize),
      );
      return {
        y: mixed(config, params, { queries, local, store, written: state.written }),
        state: {
          store: mapTree(rows, (leaf) => newest(leaf as Tensor, storeSize)),
          cache: cacheAfter(config, own),
          written: add(state.written, segments),
        },
      };
    },

    extend(tree, x, open, place) {
      const params = tree as MemorizingParams<Tensor, Weight>;
      const [state, segment] = [open.state as MemorizingState<Tensor>, open.segment as MemorizingSegment<Tensor>];
      const { queries, ...own } = project(config, params, x, 1);
      const past = pastOf(state.written, 1);
      const { local, rows } = attendInOpen(config, queries, own, segment, place, past, state.cache);
      const store = mapTree<KeysAndValues<Tensor>>(state.store, (leaf) => withSegmentAxis(leaf as Tensor));
      return { y: mixed(config, params, { queries, local, store, written: state.written }), state, rows };
    },

    commit(_, open) {
      const [state, segment] = [open.state as MemorizingState<Tensor>, open.segment as MemorizingSegment<Tensor>];
      const own = withoutPositions(config, segment, state.cache);
      return {
        store: mapTree(storedRows(state.store, own), (leaf) => newest(leaf as Tensor, storeSize)),
        cache: cacheOf(config, own),
        written: add(state.written, 1),
      };
    },
  };
}

// --- internal ---

/** Queries [B, S, K, G, N, d], keys and values [B, S, K, N, d] of S segments. */
function project(
  { numHeads, numKeyValueHeads: heads }: MemorizingConfig,
  { query, key, value }: MemorizingParams<Tensor, Weight>,
  x: Tensor,
  segments: number,
): KeysAndValues<Tensor> & { queries: Tensor } {
  return {
    queries: splitGroups(linear(x, query), segments, numHeads, heads),
    keys: splitHeads(linear(x, key), segments, heads),
    values: splitHeads(linear(x, value), segments, heads),
  };
}

/** What the store holds, then what it takes in [B, K, .., d]; no gradient passes. */
function storedRows(store: KeysAndValues<Tensor>, { keys, values }: KeysAndValues<Tensor>): KeysAndValues<Tensor> {
  return {
    keys: stopGradient(concat([store.keys, l2Normalize(keys)], -2)),
    values: stopGradient(concat([store.values, values], -2)),
  };
}

interface Seen {
  readonly queries: Tensor; // [B, S, K, G, C, d]
  readonly local: Tensor; // [B, S, K, G, C, d]
  /** What each segment finds in the store. */
  readonly store: KeysAndValues<Tensor>; // [B, S, K, M, d] each
  readonly written: Tensor; // [B]
}

/** y [B, S*C, D] from what local attention gave and what is retrieved. */
function mixed(config: MemorizingConfig, params: MemorizingParams<Tensor, Weight>, seen: Seen): Tensor {
  const { numHeads, numKeyValueHeads: heads, segmentLength: N, storeSize: M, topK } = config;
  const { queries, local, store, written } = seen;
  const segments = axisSize(queries.shape, 1);
  const perHead = (weights: Tensor): Tensor => reshape(weights, [heads, numHeads / heads, 1, 1]);
  const needed = Array.from({ length: M }, (_, row) => M - row);
  const hide = hideEmpty(tokensBefore(mul(written, N), segments, N), needed);
  const scale = perHead(max(params.scale, neg(params.scale)));
  const retrieved = retrieve(l2Normalize(queries), store, scale, topK, hide);
  const A = mixByGate(retrieved, local, perHead(params.gate), pastOf(written, segments));
  return linear(mergeHeads(A), params.output);
}

/** [B, S, K, N, d] -> [B, K, S*N, d] */
function joinSegments(rows: Tensor): Tensor {
  const [B, S, K, N, d] = rows.shape as unknown as [number, number, number, number, number];
  return reshape(transpose(rows, [0, 2, 1, 3, 4]), [B, K, S * N, d]);
}
