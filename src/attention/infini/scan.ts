import { add, concat, cumulativeSum, matmul, reshape, slice } from "../../graph/builder.ts";
import { axisSize } from "../../graph/infer.ts";
import type { Tensor } from "../../graph/tensor.ts";

/** A state before each of S steps [B, S, ..], and after the last [B, ..]. */
export interface Scanned {
  readonly before: Tensor;
  readonly after: Tensor;
}

/** X_{s+1} = X_s + R_s for R [B, S, ..] and X_0 [B, ..], all steps at once. */
export function additiveScan(X0: Tensor, R: Tensor): Scanned {
  const start = withSegmentAxis(X0); // [B, 1, ..]
  const earlier = cumulativeSum(R, 1, { exclusive: true }); // [B, S, ..]
  const before = add(earlier, start);
  const last = axisSize(R.shape, 1) - 1;
  return { before, after: add(at(before, last), at(R, last)) };
}

/** X_{s+1} = P_s X_s + R_s for matrices P [B, S, .., d, d], R [B, S, .., d, e] and X_0 [B, .., d, e]. */
export function affineScan(X0: Tensor, P: Tensor, R: Tensor): Scanned {
  const states: Tensor[] = [];
  let X = X0;
  for (let s = 0; s < axisSize(R.shape, 1); s++) {
    states.push(withSegmentAxis(X));
    X = add(matmul(at(P, s), X), at(R, s));
  }
  return { before: concat(states, 1), after: X };
}

// --- internal ---

function withSegmentAxis(x: Tensor): Tensor {
  const [batch = 1, ...rest] = x.shape;
  return reshape(x, [batch, 1, ...rest]);
}

function at(x: Tensor, s: number): Tensor {
  const [batch = 1, , ...rest] = x.shape;
  return reshape(slice(x, 1, s, s + 1), [batch, ...rest]);
}
