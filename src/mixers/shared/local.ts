import { add, iota, less, mul, reshape, sub, where } from "../../graph/builder.ts";
import { floatTensor } from "../../tensor/host-tensor.ts";
import { axisSize } from "../../graph/infer.ts";
import { sharedConstant } from "../../graph/shared-constant.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { broadcastLanes } from "./lanes.ts";
import { HIDDEN } from "../../graph/limits.ts";
import { scoresOf, weightedValues } from "./softmax.ts";

/** Adds to scores what hides keys from queries. */
export type Mask = (scores: Tensor) => Tensor;

/** For queries of a whole segment: scores [.., N, cached + N]. Cached keys, which come first, stay visible. */
export function causalMask(length: number, cached: number): Mask {
  const width = cached + length;
  const mask = sharedConstant("causal mask", [length, cached], () => {
    const data = Float32Array.from({ length: length * width }, (_, i) =>
      (i % width) - cached > Math.floor(i / width) ? HIDDEN : 0,
    );
    return floatTensor([length, width], data);
  });
  return (scores) => add(scores, mask);
}

/** As {@link causalMask}, for queries that stand at `offset` [B], offset + 1, .. of a segment: scores [B, .., C, cached + N]. */
export function causalMaskFrom(offset: Tensor, cached: number): Mask {
  return (scores) => {
    const [queries, keys] = [axisSize(scores.shape, scores.shape.length - 2), scores.shape.at(-1) ?? 0];
    const first = reshape(iota(queries, cached + 1), [queries, 1]);
    const firstHidden = add(first, broadcastLanes(offset, scores.shape.length));
    return where(less(iota(keys), firstHidden), scores, HIDDEN);
  };
}

/** Hides cached keys where no segment came before: `past` [B, S], see gate.ts; scores [B, S, K, G, C, cached + N]. */
export function cacheMask(past: Tensor, cached: number): Mask {
  return (scores) => {
    const width = scores.shape.at(-1) ?? 0;
    const isCached = sharedConstant("cached keys", [width, cached], () =>
      floatTensor(
        [width],
        Float32Array.from({ length: width }, (_, i) => (i < cached ? HIDDEN : 0)),
      ),
    );
    const absent = reshape(sub(1, past), [...past.shape, 1, 1, 1, 1]);
    return add(scores, mul(absent, isCached));
  };
}

/**
 * Eq. 6: A_dot = softmax(Q K^T / sqrt(d)) V inside each segment. The paper prints sqrt(d_model); every
 * implementation divides by sqrt(d_head), as here.
 *
 * @param q [.., G, C, d], with positions
 * @param k [.., keys, d], with positions; shared by the G query heads, as is v [.., keys, d]
 * @returns [.., G, C, d]
 */
export function localAttention(q: Tensor, k: Tensor, v: Tensor, mask: Mask): Tensor {
  return weightedValues(mask(scoresOf(q, k)), v);
}
