import { add, div, eluPlusOne, matmul, matrixTranspose, reshape, sum } from "../../graph/builder.ts";
import { zeros } from "../../graph/host-tensor.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { DENOMINATOR_EPSILON, type MemoryRule, type MemoryState } from "./rule.ts";
import { additiveScan } from "./scan.ts";

/** sigma = ELU + 1, as in arXiv 2006.16236. */
export const sigma = eluPlusOne;

/** The published memory without the delta rule: eqs. 7 and 8. */
export const linearMemory: MemoryRule = {
  initialState({ numKeyValueHeads, headDim }, batch) {
    return {
      M: zeros([batch, numKeyValueHeads, headDim, headDim]),
      z: zeros([batch, numKeyValueHeads, headDim]),
    };
  },

  write(state, { keys, values }) {
    const sigmaK = sigma(keys);
    const M = additiveScan(state.M, matmul(matrixTranspose(sigmaK), values)); // eq. 8: M + sigma(K)^T V
    const z = additiveScan(normalizer(state), sum(sigmaK, [-2])); // eq. 8: z + sum_t sigma(K_t)
    return { before: { M: M.before, z: z.before }, after: { M: M.after, z: z.after } };
  },

  read(before, queries) {
    return normalizedRead(before, sigma(queries));
  },
};

/** Eq. 7: sigma(Q) M / (sigma(Q) z), for features [B, S, K, R, d]. */
export function normalizedRead(before: MemoryState<Tensor>, features: Tensor): Tensor {
  return div(matmul(features, before.M), denominators(features, normalizer(before)));
}

/** sigma(Q) z + epsilon for features [.., R, d] and z [.., d] -> [.., R, 1]. */
export function denominators(features: Tensor, z: Tensor): Tensor {
  return add(matmul(features, reshape(z, [...z.shape, 1])), DENOMINATOR_EPSILON);
}

/** The z of a memory that has one. */
export function normalizer({ z }: MemoryState<Tensor>): Tensor {
  if (!z) throw new Error("this memory has no normalizer");
  return z;
}
