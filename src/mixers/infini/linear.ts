import { add, div, matmul, matrixTranspose, reshape, sum } from "../../graph/builder.ts";
import { zeros } from "../../tensor/host-tensor.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { SMALLEST_DENOMINATOR } from "../../graph/limits.ts";
import type { MemoryRule, MemoryState } from "./rule.ts";
import { additiveScan } from "../shared/scan.ts";

/** The published memory without the delta rule: eqs. 7 and 8. */
export const linearMemory: MemoryRule = {
  unitKeys: false,
  chooses: [],

  initialState({ batch, heads, featureDim, valueDim }) {
    return { M: zeros([batch, heads, featureDim, valueDim]), z: zeros([batch, heads, featureDim]) };
  },

  write(state, { keys, values }) {
    const M = additiveScan(state.M, matmul(matrixTranspose(keys), values)); // eq. 8: M + sigma(K)^T V
    const z = additiveScan(normalizer(state), sum(keys, [-2])); // eq. 8: z + sum_t sigma(K_t)
    return { before: { M: M.before, z: z.before }, after: { M: M.after, z: z.after } };
  },

  /** Eq. 7: sigma(Q) M / (sigma(Q) z). */
  read(before, queries) {
    return div(matmul(queries, before.M), denominators(queries, normalizer(before)));
  },
};

/** sigma(Q) z + epsilon for features [.., R, f] and z [.., f] -> [.., R, 1]. */
export function denominators(features: Tensor, z: Tensor): Tensor {
  return add(matmul(features, reshape(z, [...z.shape, 1])), SMALLEST_DENOMINATOR);
}

/** The z of a memory that has one. */
export function normalizer({ z }: MemoryState<Tensor>): Tensor {
  if (!z) throw new Error("this memory has no normalizer");
  return z;
}
