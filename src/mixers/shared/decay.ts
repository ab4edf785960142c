import { add, cumulativeSum, exp, matmul, matrixTranspose, mul, neg, slice, sub } from "../../graph/builder.ts";
import { axisSize } from "../../graph/infer.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { causalMask } from "./local.ts";

/* A memory that decays with every token, for the N tokens of a segment at once. */

/** Decay g_t from the start of a segment up to its token t, and between its tokens: numbers of 0..1. */
export interface Decays {
  readonly fromStart: Tensor; // g_t [.., N, 1]
  readonly toEnd: Tensor; // g_N / g_t [.., N, 1]
  readonly whole: Tensor; // g_N [.., 1, 1]
  readonly between: Tensor; // g_t / g_i where i <= t, 0 elsewhere [.., N, N]
}

/**
 * Decays from what each token forgets, -log(g_t / g_{t-1}) >= 0 [.., N, 1]. Quotients are taken of logarithms, and
 * those of pairs that do not see each other are hidden before the exponential, so that nothing overflows.
 */
export function decays(forget: Tensor): Decays {
  const logs = neg(cumulativeSum(forget, -2)); // log g_t [.., N, 1]
  const N = axisSize(logs.shape, logs.shape.length - 2);
  const last = slice(logs, -2, N - 1, N); // [.., 1, 1]
  return {
    fromStart: exp(logs),
    toEnd: exp(sub(last, logs)),
    whole: exp(last),
    between: exp(causalMask(N, 0)(sub(logs, matrixTranspose(logs)))),
  };
}

/**
 * What each token reads of M_t = (g_t / g_{t-1}) M_{t-1} + k_t^T u_t, its own write included: q_t M_t
 * = g_t q_t M_0 + sum over i <= t of (g_t / g_i) (q_t k_i^T) u_i.
 *
 * @param queries [.., N, f], as are keys
 * @param writes u [.., N, d]
 * @param before M_0 [.., f, d]
 * @returns [.., N, d]
 */
export function readDecayed(queries: Tensor, keys: Tensor, writes: Tensor, decay: Decays, before: Tensor): Tensor {
  const scores = mul(matmul(queries, matrixTranspose(keys)), decay.between); // [.., N, N]
  return add(matmul(scores, writes), mul(decay.fromStart, matmul(queries, before)));
}

/** What the writes of a segment add to M_N: sum over t of (g_N / g_t) k_t^T u_t [.., f, d]. */
export function sumDecayed(keys: Tensor, writes: Tensor, decay: Decays): Tensor {
  return matmul(matrixTranspose(keys), mul(decay.toEnd, writes));
}
