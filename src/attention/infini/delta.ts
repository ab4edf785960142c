import { constant, div, matmul, matrixTranspose, sub, sum } from "../../graph/builder.ts";
import { floatTensor } from "../../graph/host-tensor.ts";
import { axisSize } from "../../graph/infer.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { denominators, linearMemory, normalizer, sigma } from "./linear.ts";
import type { MemoryRule } from "./rule.ts";
import { additiveScan, affineScan } from "./scan.ts";

/** The published memory with the delta rule: eqs. 7 and 9. Reads and states are those of the linear one. */
export const deltaMemory: MemoryRule = {
  ...linearMemory,

  /**
   * Eq. 9, M + sigma(K)^T (V - sigma(K) M / (sigma(K) z)), is affine in M:
   * M_s = (I - sigma(K)^T [sigma(K) / (sigma(K) z)]) M_{s-1} + sigma(K)^T V.
   * z does not depend on M, so everything but the last step is done for all segments at once.
   */
  write(state, { keys, values }) {
    const sigmaK = sigma(keys);
    const sigmaKT = matrixTranspose(sigmaK);
    const z = additiveScan(normalizer(state), sum(sigmaK, [-2]));
    const normalized = div(sigmaK, denominators(sigmaK, z.before));
    const kept = sub(identity(axisSize(keys.shape, 4)), matmul(sigmaKT, normalized)); // [B, S, K, d, d]
    const M = affineScan(state.M, kept, matmul(sigmaKT, values));
    return { before: { M: M.before, z: z.before }, after: { M: M.after, z: z.after } };
  },
};

/** The identity matrix [size, size]. */
export function identity(size: number): Tensor {
  const data = Float32Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 1 : 0));
  return constant(floatTensor([size, size], data));
}
