import { add, concat, div, gather, neg, rotate, slice, square } from "../graph/builder.ts";
import { floatTensor } from "../tensor/host-tensor.ts";
import { sharedConstant } from "../graph/shared-constant.ts";
import type { Tensor } from "../graph/tensor.ts";

/** Cosines and sines of the angles of rotary position embedding, one row for each position. */
export interface RopeTables {
  readonly cos: Tensor; // [positions, d/2]
  readonly sin: Tensor; // [positions, d/2]
}

/** Tables for positions 0 .. positions-1 of heads of size `headDim` (arXiv 2104.09864, eq. 34). */
export function ropeTables(positions: number, headDim: number, base: number): RopeTables {
  const half = headDim / 2;
  const table = (kind: "cos" | "sin"): Tensor =>
    sharedConstant(`${kind} of positions`, [positions, half, base], () => {
      const data = Float32Array.from({ length: positions * half }, (_, i) =>
        Math[kind](Math.floor(i / half) * base ** (-(i % half) / half)),
      );
      return floatTensor([positions, half], data);
    });
  return { cos: table("cos"), sin: table("sin") };
}

/** The rows of the tables at these positions, int32 [T]. */
export function ropeRows({ cos, sin }: RopeTables, positions: Tensor): RopeTables {
  return { cos: gather(cos, positions), sin: gather(sin, positions) };
}

/** The rows start .. end-1 of the tables. */
export function ropeSlice({ cos, sin }: RopeTables, start: number, end: number): RopeTables {
  return { cos: slice(cos, 0, start, end), sin: slice(sin, 0, start, end) };
}

/** Rotates the pairs (i, i + d/2) of x [..., T, d] by the angles of each position. */
export function applyRope(x: Tensor, { cos, sin }: RopeTables): Tensor {
  return rotate(x, cos, sin);
}

/** Undoes {@link applyRope} with these tables on x [..., T, d]. Tables are rounded, so they lengthen pairs a little. */
export function undoRope(x: Tensor, { cos, sin }: RopeTables): Tensor {
  const stretch = add(square(cos), square(sin));
  return div(rotate(x, cos, neg(sin)), concat([stretch, stretch], -1));
}
