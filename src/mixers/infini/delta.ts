import {
  add,
  concat,
  div,
  max,
  min,
  matmul,
  matrixTranspose,
  mul,
  reshape,
  square,
  sub,
  sum,
} from "../../graph/builder.ts";
import { axisSize } from "../../graph/infer.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { denominators, linearMemory, normalizer } from "./linear.ts";
import { SMALLEST_DENOMINATOR } from "../../graph/limits.ts";
import type { MemoryRule, MemoryState } from "./rule.ts";
import { additiveScan, affineScan, identity, segmentAt, withSegmentAxis, type Scanned } from "../shared/scan.ts";

/** The published memory with the delta rule: eqs. 7 and 9. Reads and states are those of the linear one. */
export const deltaMemory: MemoryRule = {
  ...linearMemory,
  write: (state, { keys, values }) =>
    writeDifferences(state, keys, values, additiveScan(normalizer(state), sum(keys, [-2]))),
};

/**
 * Eqs. 7 and 9 with a normalizer that a key adds to only as far as it is new to it (ARMT, arXiv 2407.04841, eq. 6):
 * z_s = z_{s-1} + sum_t gamma_t sigma(K_t) with gamma_t = clip(1 - sigma(K_t) z_{s-1} / |sigma(K_t)|^2, 0, 1). Under
 * eq. 9 a pair that is written again leaves M as it is and doubles z, which halves what is read.
 */
export const correctedDeltaMemory: MemoryRule = {
  ...linearMemory,
  write: (state, { keys, values }) => writeDifferences(state, keys, values, scanNewKeys(normalizer(state), keys)),
};

// --- internal ---

/**
 * Eq. 9, M + sigma(K)^T (V - sigma(K) M / (sigma(K) z)), is affine in M:
 * M_s = (I - sigma(K)^T [sigma(K) / (sigma(K) z)]) M_{s-1} + sigma(K)^T V.
 * z does not depend on M, so everything but the last step is done for all segments at once.
 */
function writeDifferences(
  state: MemoryState<Tensor>,
  keys: Tensor,
  values: Tensor,
  z: Scanned,
): ReturnType<MemoryRule["write"]> {
  const keysT = matrixTranspose(keys);
  const normalized = div(keys, denominators(keys, z.before));
  const kept = sub(identity(axisSize(keys.shape, 4)), matmul(keysT, normalized)); // [B, S, K, f, f]
  const M = affineScan(state.M, kept, matmul(keysT, values));
  return { before: { M: M.before, z: z.before }, after: { M: M.after, z: z.after } };
}

/** z before each segment [B, S, K, f] and after the last, in turn: gamma depends on the z before. */
function scanNewKeys(z0: Tensor, keys: Tensor): Scanned {
  const states: Tensor[] = [];
  let z = z0;
  for (let s = 0; s < axisSize(keys.shape, 1); s++) {
    states.push(withSegmentAxis(z));
    const k = segmentAt(keys, s); // [B, K, N, f]
    const known = matmul(k, reshape(z, [...z.shape, 1])); // [B, K, N, 1]
    const lengths = add(sum(square(k), [-1], { keepAxes: true }), SMALLEST_DENOMINATOR);
    const gamma = min(max(sub(1, div(known, lengths)), 0), 1);
    z = add(z, sum(mul(gamma, k), [-2]));
  }
  return { before: concat(states, 1), after: z };
}
