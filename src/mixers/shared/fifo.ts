import { concat, less, reshape, slice, where } from "../../graph/builder.ts";
import { floatTensor } from "../../tensor/host-tensor.ts";
import { axisSize } from "../../graph/infer.ts";
import { sharedConstant } from "../../graph/shared-constant.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Mask } from "./local.ts";
import { HIDDEN } from "../../graph/limits.ts";

/* Memories of a fixed number of rows, first in, first out. The newest row is the last; rows not yet written are zero. */

/**
 * What each of S segments finds in a memory of `size` rows that takes in `stride` rows after each segment.
 *
 * @param rows those in the memory, then those that it takes in [B, 1, .., size + (S-1) * stride or more, n]
 * @returns [B, S, .., size, n]
 */
export function windows(rows: Tensor, segments: number, stride: number, size: number): Tensor {
  const starts = Array.from({ length: segments }, (_, s) => s * stride);
  return concat(
    starts.map((start) => slice(rows, -2, start, start + size)),
    1,
  );
}

/** The last `size` rows of [.., R, n]. */
export function newest(rows: Tensor, size: number): Tensor {
  const end = axisSize(rows.shape, rows.shape.length - 2);
  return slice(rows, -2, end - size, end);
}

/**
 * Hides the rows that have not been written yet: scores [B, S, K, G, C, rows].
 *
 * @param tokens tokens read before each segment [B, S]
 * @param needed for each row, the tokens that must have been read before it holds anything
 */
export function hideEmpty(tokens: Tensor, needed: readonly number[]): Mask {
  const isEmpty = less(
    reshape(tokens, [...tokens.shape, 1, 1, 1, 1]),
    sharedConstant("tokens needed", needed, () =>
      floatTensor(
        [needed.length],
        Float32Array.from(needed, (count) => count - 0.5), // between whole numbers
      ),
    ),
  );
  return (scores) => where(isEmpty, HIDDEN, scores);
}
