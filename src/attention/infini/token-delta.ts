import {
  l2Normalize,
  matmul,
  matrixTranspose,
  mul,
  rmsNorm,
  silu,
  sub,
  unitLowerInverse,
} from "../../graph/builder.ts";
import { zeros } from "../../graph/host-tensor.ts";
import { axisSize } from "../../graph/infer.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { identity } from "./delta.ts";
import type { MemoryRule } from "./rule.ts";
import { affineScan } from "./scan.ts";

/** Directions of unit length: a write along one erases exactly what was stored along it. */
export const unitFeatures = (x: Tensor): Tensor => l2Normalize(silu(x));

/**
 * A delta rule for each token in place of one for each segment (arXiv 2406.06484): with unit keys k and
 * strengths beta in (0, 1), M_t = M_{t-1} + beta_t k_t (v_t - k_t^T M_{t-1})^T. It needs no z, so nothing is
 * diluted with length; what is read is normalised instead. Reads still see the memory before their segment.
 */
export const tokenDeltaMemory: MemoryRule = {
  initialState({ numKeyValueHeads, headDim }, batch) {
    return { M: zeros([batch, numKeyValueHeads, headDim, headDim]) };
  },

  /**
   * The N writes of a segment together (the WY form of arXiv 2406.06484, eqs. 7-11): with
   * T = (I + strictLower(diag(beta) K K^T))^-1, M_s = (I - K^T T diag(beta) K) M_{s-1} + K^T T diag(beta) V.
   */
  write(state, { keys, values, strengths }) {
    if (!strengths) throw new Error("the token-delta rule needs write strengths");
    const k = unitFeatures(keys); // [B, S, K, N, d]
    const kT = matrixTranspose(k);
    const betaK = mul(strengths, k);
    const T = unitLowerInverse(matmul(betaK, kT)); // [B, S, K, N, N]
    const kTT = matmul(kT, T); // [B, S, K, d, N]
    const kept = sub(identity(axisSize(keys.shape, 4)), matmul(kTT, betaK)); // [B, S, K, d, d]
    const M = affineScan(state.M, kept, matmul(kTT, mul(strengths, values)));
    return { before: { M: M.before }, after: { M: M.after } };
  },

  read({ M }, queries, { write, normEpsilon }) {
    if (!write) throw new Error("the token-delta rule needs a scale for its reads");
    return rmsNorm(matmul(unitFeatures(queries), M), write.readScale, normEpsilon);
  },
};
