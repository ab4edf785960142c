import { add, concat, iota, slice } from "../../graph/builder.ts";
import { axisSize } from "../../graph/infer.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { applyRope, ropeRows, ropeSlice, ropeTables } from "../../nn/rope.ts";
import { joinKeys, type KeysAndValues } from "../keys.ts";
import type { ChunkPlace } from "../mixer.ts";
import type { InfiniConfig } from "./config.ts";
import { cacheMask, causalMask, causalMaskFrom, localAttention, type Mask } from "./local.ts";
import { withSegmentAxis } from "./scan.ts";

/*
 * Eq. 6 with rotary positions: what a token sees of its own segment and, where there is a cache [B, K, N, d], of the
 * segment before it. `past` [B, S] says where there was one, see gate.ts; the cache is hidden where there was none.
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
  const before = cache && segmentsBefore(cache, own);
  const seen = before
    ? joinKeys({ ...before, keys: applyRope(before.keys, ropeSlice(tables, 0, N)) }, { ...own, keys: k })
    : { ...own, keys: k };
  return localAttention(q, seen.keys, seen.values, withCache(causalMask(N, cached), past, cached));
}

/** The same for queries [B, 1, K, G, C, d] of a chunk, once its keys and values stand in those of the open segment [B, K, N, d]. */
export function attendInOpen(
  { segmentLength: N, headDim, ropeBase }: Positions,
  queries: Tensor,
  open: KeysAndValues<Tensor>,
  { offset }: Pick<ChunkPlace, "offset">,
  past: Tensor,
  cache?: KeysAndValues<Tensor>,
): Tensor {
  const [cached, C] = [cache ? N : 0, axisSize(queries.shape, 4)];
  const tables = ropeTables(cached + N + C, headDim, ropeBase);
  const q = applyRope(queries, ropeRows(tables, add(iota(C, cached), offset)));
  const all = cache ? joinKeys(cache, open) : open;
  const k = applyRope(withSegmentAxis(all.keys), ropeSlice(tables, 0, cached + N));
  return localAttention(q, k, withSegmentAxis(all.values), withCache(causalMaskFrom(offset, cached), past, cached));
}

// --- internal ---

/** Keys and values of the segment before each [B, S, K, N, d]: those in the cache, then all but the last. */
function segmentsBefore(cache: KeysAndValues<Tensor>, own: KeysAndValues<Tensor>): KeysAndValues<Tensor> {
  const earlier = (first: Tensor, rest: Tensor): Tensor => {
    const S = axisSize(rest.shape, 1);
    return S === 1 ? withSegmentAxis(first) : concat([withSegmentAxis(first), slice(rest, 1, 0, S - 1)], 1);
  };
  return { keys: earlier(cache.keys, own.keys), values: earlier(cache.values, own.values) };
}

function withCache(mask: Mask, past: Tensor, cached: number): Mask {
  return cached > 0 ? (scores) => cacheMask(past, cached)(mask(scores)) : mask;
}
