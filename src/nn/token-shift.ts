import { add, concat, mul, reshape, slice, sub } from "../graph/builder.ts";
import { axisSize } from "../graph/infer.ts";
import type { Tensor } from "../graph/tensor.ts";

/** The sequence one token later: `previous` [B, D] comes first, the last token of x [B, T, D] is left out. */
export function shiftTokens(x: Tensor, previous: Tensor): Tensor {
  const first = reshape(previous, [axisSize(x.shape, 0), 1, axisSize(x.shape, 2)]);
  const length = axisSize(x.shape, 1);
  return length === 1 ? first : concat([first, slice(x, 1, 0, length - 1)], 1);
}

/** x + (shifted - x) * mix: each feature looks back one token to a learned degree; mix [D]. */
export function mixShifted(x: Tensor, shifted: Tensor, mix: Tensor): Tensor {
  return add(x, mul(sub(shifted, x), mix));
}
