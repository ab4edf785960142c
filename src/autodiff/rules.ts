import {
  add,
  broadcastTo,
  cast,
  cumulativeSum,
  dequantizeBlocks,
  div,
  eluPlusOne,
  exp,
  gather,
  less,
  matmul,
  matrixTranspose,
  min,
  mul,
  neg,
  pad,
  reshape,
  rotate,
  sameShape,
  scatterAdd,
  sigmoid,
  slice,
  softmax,
  square,
  sub,
  sum,
  transpose,
  unitLowerInverse,
  where,
} from "../graph/builder.ts";
import { sizeOf, type Shape } from "../tensor/host-tensor.ts";
import { axisSize } from "../graph/infer.ts";
import { blocksOf, inverseNorm, inverseRms, oneHot, strictlyLower } from "../graph/passes/lower.ts";
import { linearCrossEntropyGradients } from "../graph/passes/linear-cross-entropy.ts";
import type { Op } from "../graph/ops.ts";
import { isMatrixTranspose, type Tensor } from "../graph/tensor.ts";

/**
 * From a result y and the gradient dy of the loss with respect to it, the gradient for each operand, in order; `null`
 * for an operand that has none (indices, conditions), or whose gradient is not needed. Graphs leave out whatever is
 * never read, so rules check `needed` only where gradients are computed together.
 */
type GradientRule<K extends Op> = (y: Tensor<K>, dy: Tensor, needed: readonly boolean[]) => readonly (Tensor | null)[];

/** Marks operations through which nothing flows back. */
const NOT_DIFFERENTIABLE = null;

/** The gradient of every operation. Total: an operation without an entry does not compile. */
export const gradientRules: { readonly [K in Op]: GradientRule<K> | typeof NOT_DIFFERENTIABLE } = {
  input: NOT_DIFFERENTIABLE,
  constant: NOT_DIFFERENTIABLE,

  neg: (_, dy) => [neg(dy)],
  exp: (y, dy) => [mul(dy, y)],
  log: (y, dy) => [div(dy, operand(y, 0))],
  sqrt: (y, dy) => [div(dy, mul(y, 2))],
  sigmoid: (y, dy) => [mul(dy, mul(y, sub(1, y)))],
  tanh: (y, dy) => [mul(dy, sub(1, square(y)))],
  elu: (y, dy) => [mul(dy, add(min(y, 0), 1))],
  cast: (y, dy) => [y.dtype === "float32" && operand(y, 0).dtype === "float32" ? dy : null],

  add: (y, dy) => [sumTo(dy, operand(y, 0).shape), sumTo(dy, operand(y, 1).shape)],
  sub: (y, dy) => [sumTo(dy, operand(y, 0).shape), neg(sumTo(dy, operand(y, 1).shape))],
  mul: (y, dy) => {
    const [a, b] = [operand(y, 0), operand(y, 1)];
    return [sumTo(mul(dy, b), a.shape), sumTo(mul(dy, a), b.shape)];
  },
  div: (y, dy) => {
    const [a, b] = [operand(y, 0), operand(y, 1)];
    // Summed before it is divided: where b is broadcast, that leaves fewer elements to divide.
    return [sumTo(div(dy, b), a.shape), neg(div(sumTo(mul(dy, y), b.shape), b))];
  },
  // At equality the gradient goes to the second operand.
  min: (y, dy) => chooseGradients(y, dy, less(operand(y, 0), operand(y, 1))),
  max: (y, dy) => chooseGradients(y, dy, less(operand(y, 1), operand(y, 0))),
  equal: NOT_DIFFERENTIABLE,
  less: NOT_DIFFERENTIABLE,
  where: (y, dy) => {
    const [condition, a, b] = [operand(y, 0), operand(y, 1), operand(y, 2)];
    return [null, sumTo(where(condition, dy, 0), a.shape), sumTo(where(condition, 0, dy), b.shape)];
  },

  sum: (y, dy) => [spread(y, dy)],
  mean: (y, dy) => [mul(spread(y, dy), sizeOf(y.shape) / sizeOf(operand(y, 0).shape))],
  cumulativeSum: (y, dy) => {
    const { axis, exclusive, reverse } = y.attributes;
    return [cumulativeSum(dy, axis, { exclusive, reverse: !reverse })];
  },

  softmax: (y, dy) => [mul(y, sub(dy, sum(mul(dy, y), [-1], { keepAxes: true })))],
  logSoftmax: (y, dy) => [sub(dy, mul(exp(y), sum(dy, [-1], { keepAxes: true })))],

  kthLargest: NOT_DIFFERENTIABLE,
  // Rotated back, by the opposite angles.
  rotate: (y, dy) => {
    const [x, cos, sin] = [operand(y, 0), operand(y, 1), operand(y, 2)];
    const [a, b] = halves(x);
    const [da, db] = halves(dy);
    const dCos = sumTo(add(mul(a, da), mul(b, db)), cos.shape);
    const dSin = sumTo(sub(mul(a, db), mul(b, da)), sin.shape);
    return [rotate(dy, cos, neg(sin)), dCos, dSin];
  },

  matmul: (y, dy) => matmulGradients(operand(y, 0), operand(y, 1), dy),

  transpose: (y, dy) => {
    const { permutation } = y.attributes;
    return [
      transpose(
        dy,
        permutation.map((_, axis) => permutation.indexOf(axis)),
      ),
    ];
  },
  reshape: (y, dy) => [reshape(dy, operand(y, 0).shape)],
  broadcastTo: (y, dy) => [sumTo(dy, operand(y, 0).shape)],
  concat: (y, dy) => {
    const { axis } = y.attributes;
    let start = 0;
    return y.inputs.map(({ shape }) => {
      const end = start + axisSize(shape, axis);
      const part = slice(dy, axis, start, end);
      start = end;
      return part;
    });
  },
  slice: (y, dy) => {
    const { axis, start, end } = y.attributes;
    return [pad(dy, axis, start, axisSize(operand(y, 0).shape, axis) - end)];
  },
  pad: (y, dy) => {
    const { axis, before } = y.attributes;
    return [slice(dy, axis, before, before + axisSize(operand(y, 0).shape, axis))];
  },

  gather: (y, dy) => {
    const [table, indices] = [operand(y, 0), operand(y, 1)];
    return [scatterAdd(dy, indices, axisSize(table.shape, 0)), null];
  },
  scatterAdd: (y, dy) => [gather(dy, operand(y, 1)), null],

  dequantizeBlocks: NOT_DIFFERENTIABLE,
  matmulBlocks: (y, dy) => {
    const [, ...parts] = y.inputs;
    return [matmul(dy, dequantizeBlocks(blocksOf(parts))), ...parts.map(() => null)];
  },
  gatherBlocks: NOT_DIFFERENTIABLE,

  // ELU(x) + 1 exceeds one exactly where its slope is one, and is its own slope below.
  eluPlusOne: (y, dy) => [mul(dy, min(eluPlusOne(operand(y, 0)), 1))],
  silu: (y, dy) => {
    const slope = sigmoid(operand(y, 0));
    return [mul(dy, add(slope, mul(y, sub(1, slope))))];
  },
  rmsNorm: (y, dy) => {
    const [x, scale] = [operand(y, 0), operand(y, 1)];
    const inverse = inverseRms(x, y.attributes.epsilon);
    const normalized = mul(x, inverse);
    const product = mul(dy, normalized); // what both gradients sum
    const projection = div(rowDots(product, scale), axisSize(scale.shape, 0));
    return [mul(inverse, sub(mul(dy, scale), mul(normalized, projection))), sumTo(product, scale.shape)];
  },
  l2Normalize: (y, dy) => {
    const x = operand(y, 0);
    const inverse = inverseNorm(x, y.attributes.epsilon);
    const projection = sum(mul(dy, y), [-1], { keepAxes: true });
    return [mul(inverse, sub(dy, mul(y, projection)))];
  },
  // Y = P V: the sum over keys of dP * P is that of dY * Y over the few columns of V (arXiv 2205.14135, appendix B.2).
  softmaxMatmul: (y, dy) => {
    const [scores, values] = [operand(y, 0), operand(y, 1)];
    const P = softmax(scores);
    const projection = sum(mul(dy, y), [-1], { keepAxes: true });
    const dScores = mul(P, sub(matmul(dy, matrixTranspose(values)), projection));
    return [sumTo(dScores, scores.shape), rightGradient(P, values, dy)];
  },
  crossEntropy: (y, dy) => {
    const [logits, targets] = [operand(y, 0), operand(y, 1)];
    const classes = axisSize(logits.shape, logits.shape.length - 1);
    const difference = sub(softmax(logits), oneHot(targets, classes));
    return [mul(difference, reshape(dy, [...dy.shape, 1])), null];
  },
  linearCrossEntropy: (y, dy, needed) => [...linearCrossEntropyGradients(y, dy, needed), null],
  stopGradient: NOT_DIFFERENTIABLE,
  // T = (I + L)^-1 gives dT = -T dL T.
  unitLowerInverse: (y, dy) => {
    const matrix = operand(y, 0);
    const inverse = matrixTranspose(unitLowerInverse(matrix));
    const gradient = neg(matmul(matmul(inverse, dy), inverse));
    return [mul(gradient, strictlyLower(axisSize(matrix.shape, matrix.shape.length - 1)))];
  },
};

/** Sums a gradient over the axes along which an operand of this shape was broadcast. */
export function sumTo(gradient: Tensor, shape: Shape): Tensor {
  if (sameShape(gradient.shape, shape)) return gradient;
  const extra = gradient.shape.length - shape.length;
  const axes = gradient.shape.flatMap((size, axis) => {
    const own = axis < extra ? undefined : shape[axis - extra];
    return own === undefined || (own === 1 && size !== 1) ? [axis] : [];
  });
  return reshape(axes.length > 0 ? sum(gradient, axes) : gradient, shape);
}

// --- internal ---

function operand(y: Tensor, index: number): Tensor {
  const x = y.inputs[index];
  if (!x) throw new Error(`${y.op} has no operand ${index}`);
  return x;
}

/**
 * The sum over the innermost axis of x [.., n] times a vector [n] -> [.., 1]: a product, which reads x once and writes
 * little.
 */
function rowDots(x: Tensor, vector: Tensor): Tensor {
  const n = axisSize(vector.shape, 0);
  const dots = matmul(reshape(x, [sizeOf(x.shape) / n, n]), reshape(vector, [n, 1]));
  return reshape(dots, [...x.shape.slice(0, -1), 1]);
}

function halves(x: Tensor): [Tensor, Tensor] {
  const size = axisSize(x.shape, x.shape.length - 1);
  return [slice(x, -1, 0, size / 2), slice(x, -1, size / 2, size)];
}

function chooseGradients(y: Tensor, dy: Tensor, first: Tensor): Tensor[] {
  const [a, b] = [operand(y, 0), operand(y, 1)];
  // A product, not `where`: ONNX Runtime transposes conditions, which WebGPU has no kernel for. A gradient that is not finite reaches both.
  const share = cast(first, "float32");
  return [sumTo(mul(dy, share), a.shape), sumTo(mul(dy, sub(1, share)), b.shape)];
}

/** Undoes a reduction: every reduced element gets the gradient of the sum it went into. */
function spread(y: Tensor<"sum" | "mean">, dy: Tensor): Tensor {
  const x = operand(y, 0);
  const kept = x.shape.map((size, axis) => (y.attributes.axes.includes(axis) ? 1 : size));
  return broadcastTo(reshape(dy, kept), x.shape);
}

function matmulGradients(a: Tensor, b: Tensor, dy: Tensor): Tensor[] {
  // (dY^T B^T)^T and the like: a transposition that undoes that of an operand cancels it, and neither is computed.
  const da = isMatrixTranspose(a) ? matrixTranspose(matmul(b, matrixTranspose(dy))) : matmul(dy, matrixTranspose(b));
  return [sumTo(da, a.shape), rightGradient(a, b, dy)];
}

/** The gradient of b in a b. */
function rightGradient(a: Tensor, b: Tensor, dy: Tensor): Tensor {
  if (b.shape.length === 2)
    return isMatrixTranspose(b) ? matrixTranspose(weightGradient(dy, a)) : weightGradient(a, dy);
  const db = isMatrixTranspose(b) ? matrixTranspose(matmul(matrixTranspose(dy), a)) : matmul(matrixTranspose(a), dy);
  return sumTo(db, b.shape);
}

/** For one matrix shared by a whole batch: a single product over all rows instead of a sum over the batch. */
function weightGradient(a: Tensor, dy: Tensor): Tensor {
  const rows = (x: Tensor): Tensor => reshape(x, [sizeOf(x.shape.slice(0, -1)), ...x.shape.slice(-1)]);
  return matmul(matrixTranspose(rows(a)), rows(dy));
}
