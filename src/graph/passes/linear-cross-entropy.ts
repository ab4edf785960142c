import {
  add,
  concat,
  constant,
  exp,
  gather,
  logSoftmax,
  matmul,
  matrixTranspose,
  mul,
  neg,
  reshape,
  scatterAdd,
  slice,
  sub,
} from "../builder.ts";
import { intTensor, sizeOf } from "../../tensor/host-tensor.ts";
import { axisSize } from "../infer.ts";
import type { Graph } from "../graph.ts";
import { isOp, type Tensor } from "../tensor.ts";

/*
 * The cross-entropy of logits x W^T, which as one tensor [tokens, V] would be by far the largest of a training step. It
 * is computed in chunks of rows, forward and back: at most two tensors [rows, V] of a chunk are alive at a time. An
 * engine may run a graph in any order that its data allow, so each chunk waits for the one before it.
 */

/** -log softmax(x W^T)[target]: x [.., D], W [V, D], targets int32 [..] -> [..]. */
export function lowerLinearCrossEntropy(x: Tensor, weight: Tensor, targets: Tensor, rowsAtOnce: number): Tensor {
  const { rows, labels, chunks } = asRows(x, targets, rowsAtOnce);
  let before: readonly Tensor[] = [];
  const losses = chunks.map(({ start, end }) => {
    const logProbabilities = logSoftmax(logitsOf(after(before, slice(rows, 0, start, end)), weight));
    const loss = neg(elementOfRow(logProbabilities, slice(labels, 0, start, end)));
    before = [loss];
    return loss;
  });
  return reshape(concat(losses, 0), targets.shape);
}

/**
 * The gradients of x and W from the gradient of the losses y. With p = softmax(x W^T) and g = dy x they are dx = dy (p
 * W - W[target]) and dW = p^T g - (sum over rows of g at their targets): neither takes a tensor [rows, V] besides p.
 */
export function linearCrossEntropyGradients(
  y: Tensor<"linearCrossEntropy">,
  dy: Tensor,
  [needsX = true, needsWeight = true]: readonly boolean[] = [],
): [Tensor | null, Tensor | null] {
  const [x, weight, targets] = y.inputs;
  if (!x || !weight || !targets) throw new Error("a cross-entropy lost an operand");
  const { rows, labels, chunks } = asRows(x, targets, y.attributes.rowsAtOnce);
  const slopes = reshape(dy, [axisSize(rows.shape, 0), 1]);
  const scaled = mul(rows, slopes); // g [R, D]
  const expected: Tensor[] = [];
  let outer: Tensor | undefined; // g^T p [D, V]
  let before: readonly Tensor[] = chunks.length > 1 ? [y] : [];
  for (const { start, end } of chunks) {
    const p = exp(logSoftmax(logitsOf(after(before, slice(rows, 0, start, end)), weight)));
    if (needsX) expected.push(matmul(p, weight));
    if (needsWeight) outer = sumOf(outer, matmul(matrixTranspose(slice(scaled, 0, start, end)), p));
    before = [...expected.slice(-1), ...(outer ? [outer] : [])];
  }
  return [
    needsX ? reshape(mul(sub(concat(expected, 0), gather(weight, labels)), slopes), x.shape) : null,
    outer ? sub(matrixTranspose(outer), scatterAdd(scaled, labels, axisSize(weight.shape, 0))) : null,
  ];
}

/** Element `index` of each row: x [R, n], int32 [R] -> [R]. */
export function elementOfRow(x: Tensor, indices: Tensor): Tensor {
  const [R, n] = [axisSize(x.shape, 0), axisSize(x.shape, 1)];
  const starts = constant(
    intTensor(
      [R],
      Int32Array.from({ length: R }, (_, row) => row * n),
    ),
  );
  return gather(reshape(x, [R * n]), add(indices, starts));
}

/** Whether a graph has a loss that goes by several chunks, beside which everything else that it computes is small. */
export function hasLossByChunks({ nodes }: Graph): boolean {
  return nodes.some((node) => isOp(node, "linearCrossEntropy") && sizeOf(node.shape) > node.attributes.rowsAtOnce);
}

// --- internal ---

interface Rows {
  readonly rows: Tensor; // [R, D]
  readonly labels: Tensor; // int32 [R]
  readonly chunks: readonly { readonly start: number; readonly end: number }[];
}

function asRows(x: Tensor, targets: Tensor, rowsAtOnce: number): Rows {
  const [R, D] = [sizeOf(targets.shape), axisSize(x.shape, x.shape.length - 1)];
  const size = Math.ceil(R / Math.ceil(R / rowsAtOnce));
  const chunks = Array.from({ length: Math.ceil(R / size) }, (_, i) => ({
    start: i * size,
    end: Math.min(R, (i + 1) * size),
  }));
  return { rows: reshape(x, [R, D]), labels: reshape(targets, [R]), chunks };
}

function logitsOf(rows: Tensor, weight: Tensor): Tensor {
  return matmul(rows, matrixTranspose(weight));
}

/** x, but not before these are computed: the sum with zero times an element of each. */
function after(results: readonly Tensor[], x: Tensor): Tensor {
  return results.reduce((sum, result) => {
    const first = slice(reshape(result, [sizeOf(result.shape)]), 0, 0, 1);
    return add(sum, mul(first, 0));
  }, x);
}

function sumOf(total: Tensor | undefined, part: Tensor): Tensor {
  return total ? add(total, part) : part;
}
