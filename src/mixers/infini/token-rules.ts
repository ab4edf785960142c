import { axisSize } from "../../graph/infer.ts";
import { matmul, matrixTranspose, mul, rmsNorm, sub, unitLowerInverse } from "../../graph/builder.ts";
import { zeros } from "../../tensor/host-tensor.ts";
import { decays } from "../shared/decay.ts";
import type { MemoryRule } from "./rule.ts";
import { affineScan, identity } from "../shared/scan.ts";

/**
 * A delta rule for each token in place of one for each segment (arXiv 2406.06484): with unit keys k and strengths b in
 * 0..1, M_t = M_{t-1} + b_t k_t (v_t - k_t^T M_{t-1})^T. It needs no z, so nothing is diluted with length; what is read is
 * normalised instead. Reads still see the memory before their segment.
 */
export const tokenDeltaMemory: MemoryRule = {
  unitKeys: true,
  chooses: ["write"],

  initialState({ batch, heads, featureDim, valueDim }) {
    return { M: zeros([batch, heads, featureDim, valueDim]) };
  },

  /**
   * The N writes of a segment together (the WY form of arXiv 2406.06484, eqs. 7-11, with the decay of arXiv 2412.06464).
   * With write strengths b, erase strengths e and g_t the decay from the start of the segment up to token t,
   * T = (I + A)^-1, A_ti = e_t (g_t / g_i) k_t^T k_i for i < t, and K' the keys times g_N / g_t:
   * M_s = (g_N I - K'^T T diag(e g) K) M_{s-1} + K'^T T diag(b) V.
   */
  write(state, { keys, values, strengths }) {
    if (!strengths) throw new Error("a rule of tokens needs write strengths");
    const { write, erase = write, forget } = strengths;
    const decay = forget && decays(forget);
    const erased = mul(erase, keys); // [B, S, K, N, f]
    const overlap = matmul(erased, matrixTranspose(keys));
    const T = unitLowerInverse(decay ? mul(overlap, decay.between) : overlap); // [B, S, K, N, N]
    const left = matrixTranspose(decay ? mul(keys, decay.toEnd) : keys);
    const leftT = matmul(left, T); // [B, S, K, f, N]
    const I = identity(axisSize(keys.shape, 4));
    const lost = matmul(leftT, decay ? mul(erased, decay.fromStart) : erased);
    const kept = sub(decay ? mul(I, decay.whole) : I, lost); // [B, S, K, f, f]
    const M = affineScan(state.M, kept, matmul(leftT, mul(write, values)));
    return { before: { M: M.before }, after: { M: M.after } };
  },

  read({ M }, queries, { readScale, normEpsilon }) {
    if (!readScale) throw new Error("a rule of tokens needs a scale for its reads");
    return rmsNorm(matmul(queries, M), readScale, normEpsilon);
  },
};

/**
 * The token-delta rule with strengths of their own for writing, erasing and forgetting (arXiv 2412.06464 has the decay,
 * arXiv 2605.22791 the two strengths): M_t = (I - e_t k_t k_t^T) exp(-f_t) M_{t-1} + b_t k_t v_t^T. With f = 0 and e = b it is
 * the token-delta rule.
 */
export const gatedTokenDeltaMemory: MemoryRule = { ...tokenDeltaMemory, chooses: ["write", "erase", "forget"] };
