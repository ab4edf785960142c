import { add, cast, concat, equal, iota, less, matmul, reshape, slice, where } from "../../graph/builder.ts";
import { floatTensor } from "../../tensor/host-tensor.ts";
import { axisSize } from "../../graph/infer.ts";
import { sharedConstant } from "../../graph/shared-constant.ts";
import { GraphError, type Tensor } from "../../graph/tensor.ts";
import { mapTree } from "../../tensor/tree.ts";
import { perLane } from "./lanes.ts";
import { withSegmentAxis } from "./scan.ts";
import type { ChunkPlace } from "../contract.ts";

/* Whole segments and the one that is still open. */

/** How many segments of N tokens x [B, S*N, D] has. Throws GraphError when the length is not a whole number of them. */
export function countSegments(x: Tensor, N: number): number {
  const length = axisSize(x.shape, 1);
  if (length % N !== 0) throw new GraphError(`${length} tokens are not a whole number of segments of ${N}`);
  return length / N;
}

/** Tokens of the text before each of S segments of N, with `seen` [B] before the first: [B, S]. */
export function tokensBefore(seen: Tensor, S: number, N: number): Tensor {
  const starts = sharedConstant("starts of segments", [S, N], () =>
    floatTensor(
      [S],
      Float32Array.from({ length: S }, (_, s) => s * N),
    ),
  );
  return add(reshape(seen, [axisSize(seen.shape, 0), 1]), starts);
}

/**
 * What each of S segments sees of rows [.., W + S*N, n]: the W before it and its own [.., S, W + N, n]; W a multiple of
 * N.
 */
export function windowsOf(rows: Tensor, S: number, W: number): Tensor {
  const leading = rows.shape.slice(0, -2);
  const [width, n] = rows.shape.slice(-2) as unknown as [number, number];
  if (S === 1) return reshape(rows, [...leading, 1, width, n]);
  const N = (width - W) / S;
  const segments = reshape(rows, [...leading, width / N, N, n]);
  const shifted = Array.from({ length: W / N + 1 }, (_, j) => slice(segments, leading.length, j, j + S));
  return concat(shifted, -2);
}

/** Puts the rows of a chunk [B, 1, .., C, n] that count into those of the open segment [B, .., N, n]. */
export function writerAt(place: ChunkPlace, C: number, N: number): (open: Tensor, rows: Tensor) => Tensor {
  const column = iota(C);
  const [offset, length] = [perLane(place.offset, 3), perLane(place.length, 3)];
  const goesTo = where(less(column, length), add(column, offset), iota(1, -1)); // [B, 1, C]
  const placement = cast(equal(reshape(iota(N), [N, 1]), goesTo), "float32"); // [B, N, C]
  const ofRank = (rank: number): Tensor =>
    reshape(placement, [axisSize(placement.shape, 0), ...Array.from({ length: rank - 3 }, () => 1), N, C]);
  return (open, rows) =>
    add(open, matmul(ofRank(open.shape.length), reshape(rows, open.shape.with(open.shape.length - 2, C))));
}

/** The last P tokens that count of a history [B, P + C, D]. */
export function lastRows(history: Tensor, { length }: ChunkPlace, previous: Tensor): Tensor {
  const [P, width] = [axisSize(previous.shape, 1), axisSize(history.shape, 1)];
  const rows = add(reshape(iota(P), [P, 1]), perLane(length, 3)); // [B, P, 1]
  return matmul(cast(equal(iota(width), rows), "float32"), history);
}

/** A segment or a state with the segment axis: leaves [B, ..] -> [B, 1, ..]. */
export function withSegment<T extends object>(tree: T): T {
  return mapTree<T>(tree, (leaf) => withSegmentAxis(leaf as Tensor));
}
