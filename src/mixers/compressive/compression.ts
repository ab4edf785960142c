import { add, mean, mul, reshape, square, stopGradient, sub, sum } from "../../graph/builder.ts";
import { axisSize } from "../../graph/infer.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { frozen, linear, type Weight } from "../../nn/weight.ts";
import { splitHeads } from "../shared/heads.ts";
import { localAttention } from "../shared/local.ts";
import type { CompressiveParams } from "./params.ts";

/** f_c: every `rate` vectors become one, [B, R, D] -> [B, R / rate, D]. */
export function compress({ compression }: CompressiveParams<Tensor, Weight>, x: Tensor, rate: number): Tensor {
  const [B, R, D] = x.shape as unknown as [number, number, number];
  return add(linear(reshape(x, [B, R / rate, rate * D]), compression.kernel), compression.bias);
}

/** Old memories of S segments, before and after compression. */
export interface Evicted {
  readonly old: Tensor; // [B, S*N, D]
  readonly compressed: Tensor; // [B, S*N / rate, D]
  /** 1 where there was a memory to evict, else 0 [B, S]. */
  readonly present: Tensor;
}

/**
 * What attention loses when the compressed memories replace the old ones: the square of the difference,
 * mean over the features of all heads, summed over the tokens of all segments and lanes. Content attention without
 * positions and before the output projection; constant in everything but f_c (section 3.2, algorithm 2 of the
 * paper, which prints the norm).
 *
 * @param queries [B, S, K, G, N, d], without positions
 * @returns a scalar
 */
export function reconstructionLoss(
  params: CompressiveParams<Tensor, Weight>,
  queries: Tensor,
  { old, compressed, present }: Evicted,
): Tensor {
  const [q, key, value] = [stopGradient(queries), frozen(params.key), frozen(params.value)];
  const [S, K] = [axisSize(queries.shape, 1), axisSize(queries.shape, 2)];
  const attend = (memory: Tensor): Tensor => {
    const heads = (weights: Weight): Tensor => splitHeads(linear(memory, weights), S, K);
    return localAttention(q, heads(key), heads(value), (scores) => scores);
  };
  const lost = mean(square(sub(attend(stopGradient(old)), attend(compressed))), [2, 3, 5]); // [B, S, N]
  return sum(mul(lost, reshape(present, [...present.shape, 1])));
}
