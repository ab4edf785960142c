import { add, concat, cumulativeSum, matmul, mul, reshape, slice } from "../../graph/builder.ts";
import { floatTensor } from "../../tensor/host-tensor.ts";
import { axisSize } from "../../graph/infer.ts";
import { sharedConstant } from "../../graph/shared-constant.ts";
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
  return { before, after: add(segmentAt(before, last), segmentAt(R, last)) };
}

/** X_{s+1} = P_s X_s + R_s for matrices P [B, S, .., f, f], R [B, S, .., f, d] and X_0 [B, .., f, d]. */
export function affineScan(X0: Tensor, P: Tensor, R: Tensor): Scanned {
  return scan(X0, R, (X, s) => matmul(segmentAt(P, s), X));
}

/** X_{s+1} = g_s X_s + R_s for numbers g [B, S, .., 1, 1], R [B, S, .., f, d] and X_0 [B, .., f, d]. */
export function scaledScan(X0: Tensor, g: Tensor, R: Tensor): Scanned {
  return scan(X0, R, (X, s) => mul(segmentAt(g, s), X));
}

/** [B, ..] -> [B, 1, ..] */
export function withSegmentAxis(x: Tensor): Tensor {
  const [batch = 1, ...rest] = x.shape;
  return reshape(x, [batch, 1, ...rest]);
}

/** [B, S, ..] -> [B, ..], what belongs to one segment. */
export function segmentAt(x: Tensor, s: number): Tensor {
  const [batch = 1, , ...rest] = x.shape;
  return reshape(slice(x, 1, s, s + 1), [batch, ...rest]);
}

/** The identity matrix [size, size]. */
export function identity(size: number): Tensor {
  return sharedConstant("identity", [size], () => {
    const data = Float32Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0));
    return floatTensor([size, size], data);
  });
}

// --- internal ---

/** X_{s+1} = keep(X_s, s) + R_s, one step at a time. */
function scan(X0: Tensor, R: Tensor, keep: (X: Tensor, s: number) => Tensor): Scanned {
  const states: Tensor[] = [];
  let X = X0;
  for (let s = 0; s < axisSize(R.shape, 1); s++) {
    states.push(withSegmentAxis(X));
    X = add(keep(X, s), segmentAt(R, s));
  }
  return { before: concat(states, 1), after: X };
}
