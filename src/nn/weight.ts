import {
  add,
  cast,
  dequantizeBlocks,
  gather,
  gatherBlocks,
  linearCrossEntropy,
  matmul,
  matmulBlocks,
  matrixTranspose,
  stopGradient,
} from "../graph/builder.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Blocks } from "../tensor/blocks.ts";

/**
 * The matrix [out, in] of a linear layer or the table [V, D] of an embedding, as in model files. Parameter trees have
 * one where a spec has the role `matrix` or `embedding`; only this file looks inside.
 *
 * It is float32, or stored as float16 or bfloat16 and used as float32; or in blocks of 4 or 8 bits; or one of these,
 * frozen, with a product of two narrow matrices added. Each is a subtree whose leaves are tensors.
 */
export type Weight = Tensor | Blocks<Tensor> | AdaptedWeight<Tensor>;

/** base + b a (LoRA, arXiv 2106.09685), with the scale included in b: a [r, in] and b [out, r]. */
export type AdaptedWeight<T> = {
  readonly base: T | Blocks<T> | AdaptedWeight<T>;
  readonly a: T;
  readonly b: T;
};

/** x W^T for x [.., in] and W [out, in] -> [.., out]. */
export function linear(x: Tensor, weight: Weight): Tensor {
  if ("base" in weight) return add(linear(x, weight.base), linear(linear(x, weight.a), weight.b));
  return "blocks" in weight ? matmulBlocks(x, weight) : matmul(x, matrixTranspose(computable(weight)));
}

/**
 * Cross-entropy [..] in nats of classes int32 [..] by the logits x W^T, for x [.., D] and W [V, D], without holding all
 * logits in memory.
 */
export function linearLosses(x: Tensor, weight: Weight, classes: Tensor): Tensor {
  return linearCrossEntropy(x, denseOf(weight), classes);
}

/** The rows of a table [V, D] at indices int32 [..] -> [.., D]. */
export function embed(table: Weight, indices: Tensor): Tensor {
  if ("base" in table) return add(embed(table.base, indices), matmul(embed(table.b, indices), computable(table.a)));
  return "blocks" in table ? gatherBlocks(table, indices) : computable(gather(table, indices));
}

/** The same weight, cut off from gradients. */
export function frozen(weight: Weight): Weight {
  if ("base" in weight) return { base: frozen(weight.base), a: stopGradient(weight.a), b: stopGradient(weight.b) };
  return "blocks" in weight ? weight : stopGradient(weight); // no gradient reaches blocks anyway
}

// --- internal ---

/** The whole matrix in float32. */
function denseOf(weight: Weight): Tensor {
  if ("base" in weight) return add(denseOf(weight.base), matmul(computable(weight.b), computable(weight.a)));
  return "blocks" in weight ? dequantizeBlocks(weight) : computable(weight);
}

/** The same numbers in the type that computations use. */
function computable(weight: Tensor): Tensor {
  return cast(weight, "float32");
}
