import { gather, matmul, matrixTranspose } from "../graph/builder.ts";
import type { Tensor } from "../graph/tensor.ts";

/** The matrix [out, in] of a linear layer, as model files have it. */
export type Weight = Tensor;

/** x W^T for x [.., in] and W [out, in] -> [.., out]. */
export function linear(x: Tensor, weight: Weight): Tensor {
  return matmul(x, matrixTranspose(weight));
}

/** The rows of a table [V, D] at indices int32 [..] -> [.., D]. */
export function embed(table: Weight, indices: Tensor): Tensor {
  return gather(table, indices);
}
