import { add, concat, iota, less, slice, where } from "../../graph/builder.ts";
import { axisSize } from "../../graph/infer.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { applyRope, ropeRows, ropeSlice, ropeTables, undoRope, type RopeTables } from "../../nn/rope.ts";
import { joinKeys, type KeysAndValues } from "../shared/keys.ts";
import type { ChunkPlace } from "../contract.ts";
import { broadcastLanes } from "../shared/lanes.ts";
import { HIDDEN } from "../../graph/limits.ts";
import { scoresOf, weightedParts, type SeenPart } from "../shared/softmax.ts";
import type { InfiniConfig } from "./config.ts";
import { cacheMask, causalMask, localAttention, type Mask } from "../shared/local.ts";
import { segmentAt, withSegmentAxis } from "../shared/scan.ts";

/*
 * Eq. 6 with rotary positions: what a token sees of its own segment and, where there is a cache [B, K, N, d], of the
 * segment before it. `past` [B, S] says where there was one, see gate.ts; the cache is hidden where there was none.
 *
 * Keys in the cache and in the open segment have been turned by their positions, so that a token turns its own alone.
 */

type Positions = Pick<InfiniConfig, "segmentLength" | "headDim" | "ropeBase">;

/** Queries [B, S, K, G, N, d] of whole segments meet keys and values [B, S, K, N, d] -> [B, S, K, G, N, d]. */
export function attendInSegments(
  { segmentLength: N, headDim, ropeBase }: Positions,
  queries: Tensor,
  own: KeysAndValues<Tensor>,
  past: Tensor,
  cache?: KeysAndValues<Tensor>,
): Tensor {
  const cached = cache ? N : 0;
  const tables = ropeTables(cached + N, headDim, ropeBase);
  const inSegment = ropeSlice(tables, cached, cached + N);
  const [q, k] = [applyRope(queries, inSegment), applyRope(own.keys, inSegment)];
  const earlier = ropeSlice(tables, 0, N);
  const seen = cache ? joinKeys(segmentsBefore(cache, own, earlier), { ...own, keys: k }) : { ...own, keys: k };
  return localAttention(q, seen.keys, seen.values, withCache(causalMask(N, cached), past, cached));
}

/**
 * As {@link attendInSegments} for the queries [B, 1, K, G, C, d] of a chunk and its own keys and values [B, 1, K, C, d], after
 * those of the open segment [B, K, N, d]; and the rows [B, K, C, d] that it puts there.
 */
export function attendInOpen(
  { segmentLength: N, headDim, ropeBase }: Positions,
  queries: Tensor,
  own: KeysAndValues<Tensor>,
  open: KeysAndValues<Tensor>,
  { offset }: Pick<ChunkPlace, "offset">,
  past: Tensor,
  cache?: KeysAndValues<Tensor>,
): { local: Tensor; rows: KeysAndValues<Tensor> } {
  const [cached, C] = [cache ? N : 0, axisSize(own.keys.shape, 3)];
  const all = ropeTables(cached + N + C, headDim, ropeBase);
  const turned = (x: Tensor): Tensor =>
    applyRope(x, ropeRows(all, add(iota(C, cached), broadcastLanes(offset, x.shape.length - 1))));
  const [q, k] = [turned(queries), turned(own.keys)];
  const meet = (keys: Tensor, values: Tensor, mask: Mask): SeenPart => ({ scores: mask(scoresOf(q, keys)), values });
  const isBefore = less(iota(N), broadcastLanes(offset, 6));
  const local = weightedParts([
    ...(cache ? [meet(withSegmentAxis(cache.keys), withSegmentAxis(cache.values), cacheMask(past, N))] : []),
    meet(withSegmentAxis(open.keys), withSegmentAxis(open.values), (scores) => where(isBefore, scores, HIDDEN)),
    meet(k, own.values, causalMask(C, 0)),
  ]);
  return { local, rows: { keys: segmentAt(k, 0), values: segmentAt(own.values, 0) } };
}

/** The open segment [B, K, N, d], once it is full, without positions. */
export function withoutPositions(
  { segmentLength: N, headDim, ropeBase }: Positions,
  { keys, values }: KeysAndValues<Tensor>,
  cache?: KeysAndValues<Tensor>,
): KeysAndValues<Tensor> {
  const cached = cache ? N : 0;
  return { keys: undoRope(keys, ropeSlice(ropeTables(cached + N, headDim, ropeBase), cached, cached + N)), values };
}

/** What the segment after the last of these [B, S, K, N, d] has in its cache. */
export function cacheAfter(config: Positions, own: KeysAndValues<Tensor>): KeysAndValues<Tensor> {
  const last = axisSize(own.keys.shape, 1) - 1;
  return cacheOf(config, { keys: segmentAt(own.keys, last), values: segmentAt(own.values, last) });
}

/** What the segment after this one [B, K, N, d], which is without positions, has in its cache. */
export function cacheOf(
  { segmentLength, headDim, ropeBase }: Positions,
  { keys, values }: KeysAndValues<Tensor>,
): KeysAndValues<Tensor> {
  return { keys: applyRope(keys, ropeTables(segmentLength, headDim, ropeBase)), values };
}

// --- internal ---

/** Keys, turned by these tables, and values of the segment before each [B, S, K, N, d]: the cache, then all but the last. */
function segmentsBefore(
  cache: KeysAndValues<Tensor>,
  own: KeysAndValues<Tensor>,
  tables: RopeTables,
): KeysAndValues<Tensor> {
  const S = axisSize(own.keys.shape, 1);
  const first = { keys: withSegmentAxis(cache.keys), values: withSegmentAxis(cache.values) };
  if (S === 1) return first;
  const rest = { keys: applyRope(slice(own.keys, 1, 0, S - 1), tables), values: slice(own.values, 1, 0, S - 1) };
  return { keys: concat([first.keys, rest.keys], 1), values: concat([first.values, rest.values], 1) };
}

function withCache(mask: Mask, past: Tensor, cached: number): Mask {
  return cached > 0 ? (scores) => cacheMask(past, cached)(mask(scores)) : mask;
}
