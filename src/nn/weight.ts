import { gather, linearCrossEntropy, matmul, matrixTranspose, stopGradient } from "../graph/builder.ts";
import type { Tensor } from "../graph/tensor.ts";

/**
 * The matrix [out, in] of a linear layer or the table [V, D] of an embedding, as model files have them. Parameter trees have it where
 * a spec has the role `matrix` or `embedding`; nothing but this file looks inside.
 */
export type Weight = Tensor;

/** x W^T for x [.., in] and W [out, in] -> [.., out]. */
export function linear(x: Tensor, weight: Weight): Tensor {
  return matmul(x, matrixTranspose(weight));
}

/** Cross-entropy [..] in nats of classes int32 [..] by the logits x W^T, for x [.., D] and W [V, D], without all logits in memory. */
export function linearLosses(x: Tensor, weight: Weight, classes: Tensor): Tensor {
  return linearCrossEntropy(x, weight, classes);
}

/** The rows of a table [V, D] at indices int32 [..] -> [.., D]. */
export function embed(table: Weight, indices: Tensor): Tensor {
  return gather(table, indices);
}

/** The same weight, which no gradient reaches. */
export function frozen(weight: Weight): Weight {
  return stopGradient(weight);
}
