import {
  add,
  cast,
  concat,
  dequantizeBlocks,
  div,
  elu,
  equal,
  gather,
  iota,
  logSoftmax,
  matmul,
  matrixTranspose,
  mean,
  mul,
  neg,
  reshape,
  sigmoid,
  slice,
  softmax,
  sqrt,
  square,
  sub,
  sum,
} from "../builder.ts";
import { BLOCK_SIZE, codeBits, type Blocks, type CodeBits } from "../../tensor/blocks.ts";
import { floatTensor, sizeOf } from "../../tensor/host-tensor.ts";
import { axisSize } from "../infer.ts";
import type { LowerableOp, OpAttributes } from "../ops.ts";
import { sharedConstant } from "../shared-constant.ts";
import type { Tensor } from "../tensor.ts";
import { elementOfRow, lowerLinearCrossEntropy } from "./linear-cross-entropy.ts";

type Lowering<Attributes> = (inputs: readonly Tensor[], attributes: Attributes) => Tensor;

/**
 * Operations in terms of others, which may be lowered in turn. Gradient rules use the same helpers, so common parts are
 * shared.
 */
export const lowerings: { readonly [K in LowerableOp]: Lowering<OpAttributes[K]> } = {
  eluPlusOne: ([x]) => add(elu(operand(x)), 1),
  silu: ([x]) => mul(operand(x), sigmoid(operand(x))),
  rmsNorm: ([x, scale], { epsilon }) => mul(mul(operand(x), inverseRms(operand(x), epsilon)), operand(scale)),
  l2Normalize: ([x], { epsilon }) => mul(operand(x), inverseNorm(operand(x), epsilon)),
  softmaxMatmul: ([scores, values]) => matmul(softmax(operand(scores)), operand(values)),
  crossEntropy: ([logits, targets]) => {
    const [x, labels] = [operand(logits), operand(targets)];
    const count = sizeOf(labels.shape);
    const rows = reshape(logSoftmax(x), [count, axisSize(x.shape, labels.shape.length)]);
    return reshape(neg(elementOfRow(rows, reshape(labels, [count]))), labels.shape);
  },
  linearCrossEntropy: ([x, weight, targets], { rowsAtOnce }) =>
    lowerLinearCrossEntropy(operand(x), operand(weight), operand(targets), rowsAtOnce),
  stopGradient: ([x]) => operand(x),
  unitLowerInverse: ([matrix]) => mergeBlockInverses(operand(matrix)),

  dequantizeBlocks: ([blocks, scales, zeroPoints]) => {
    const codes = codesOf(operand(blocks)); // [out, n, 32]
    const [out = 0, count = 0, size = 0] = codes.shape;
    const bits = codeBits(operand(blocks).shape) ?? 8;
    const zeros = zeroPoints && reshape(slice(unpackCodes(zeroPoints, bits), 1, 0, count), [out, count, 1]);
    const centred = sub(codes, zeros ?? 2 ** (bits - 1));
    return reshape(mul(centred, reshape(operand(scales), [out, count, 1])), [out, count * size]);
  },
  matmulBlocks: ([x, ...parts]) => matmul(operand(x), matrixTranspose(dequantizeBlocks(blocksOf(parts)))),
  gatherBlocks: ([indices, ...parts]) => {
    const at = operand(indices);
    const flat = reshape(at, [sizeOf(at.shape)]);
    const rows = dequantizeBlocks(blocksOf(parts.map((part) => gather(part, flat))));
    return reshape(rows, [...at.shape, ...rows.shape.slice(1)]);
  },
};

/** The matrix that has these codes, scales and zero points. */
export function blocksOf([blocks, scales, zeroPoints]: readonly (Tensor | undefined)[]): Blocks<Tensor> {
  return { blocks: operand(blocks), scales: operand(scales), ...(zeroPoints && { zeroPoints }) };
}

/** 1 / sqrt(mean(x^2) + epsilon) along the innermost axis, which stays with size 1. */
export function inverseRms(x: Tensor, epsilon: number): Tensor {
  return div(1, sqrt(add(mean(square(x), [-1], { keepAxes: true }), epsilon)));
}

/** 1 / sqrt(sum(x^2) + epsilon) along the innermost axis, which stays with size 1. */
export function inverseNorm(x: Tensor, epsilon: number): Tensor {
  return div(1, sqrt(add(sum(square(x), [-1], { keepAxes: true }), epsilon)));
}

/** Rows of zeros with a one at the index: int32 [...] -> float32 [..., classes]. */
export function oneHot(indices: Tensor, classes: number): Tensor {
  return cast(equal(reshape(indices, [...indices.shape, 1]), iota(classes)), "float32");
}

/** A constant [size, size] of ones strictly below the diagonal. */
export function strictlyLower(size: number): Tensor {
  return maskMatrix("strictly lower", [size], (row, column) => column < row);
}

// --- internal ---

/**
 * (I + A)^-1 by merging inverses of diagonal blocks of 1, 2, 4, .. rows: with
 * T = diag(T1, T2) and C the block below the diagonal between them, the merged inverse is T - T C T.
 * Powers of A never appear, so nothing can overflow where the inverse itself does not.
 */
function mergeBlockInverses(a: Tensor): Tensor {
  const size = axisSize(a.shape, a.shape.length - 1);
  const identity = maskMatrix("identity", [size], (row, column) => row === column);
  let inverse = sub(identity, mul(a, lowerLeftBlocks(size, 1)));
  for (let block = 2; block < size; block *= 2) {
    const between = mul(a, lowerLeftBlocks(size, block));
    inverse = sub(inverse, matmul(matmul(inverse, between), inverse));
  }
  return inverse;
}

/** Inside each diagonal block of 2b rows, the lower-left quarter of b x b. */
function lowerLeftBlocks(size: number, b: number): Tensor {
  return maskMatrix("lower left blocks", [size, b], (row, column) => {
    const sameBlock = Math.floor(row / (2 * b)) === Math.floor(column / (2 * b));
    return sameBlock && row % (2 * b) >= b && column % (2 * b) < b;
  });
}

/** Ones where the condition holds, which depends only on the sizes. The first size is that of the matrix. */
function maskMatrix(
  kind: string,
  sizes: readonly [number, ...number[]],
  holds: (row: number, column: number) => boolean,
): Tensor {
  const [size] = sizes;
  return sharedConstant(kind, sizes, () => {
    const data = Float32Array.from({ length: size * size }, (_, i) => (holds(Math.floor(i / size), i % size) ? 1 : 0));
    return floatTensor([size, size], data);
  });
}

/** The codes of blocks as numbers, float32 [out, n, 32]. */
function codesOf(blocks: Tensor): Tensor {
  const [out = 0, count = 0, bytes = 0] = blocks.shape;
  const bits = codeBits(blocks.shape) ?? 8;
  return reshape(unpackCodes(reshape(blocks, [out * count, bytes]), bits), [out, count, BLOCK_SIZE]);
}

/**
 * The numbers of 4 or 8 bits in rows of bytes [rows, n] -> float32 [rows, n * 8 / bits]; the lower half of a byte comes
 * first.
 */
function unpackCodes(bytes: Tensor, bits: CodeBits): Tensor {
  const whole = cast(bytes, "float32");
  if (bits === 8) return whole;
  const upper = cast(cast(mul(whole, 1 / 16), "int32"), "float32");
  const lower = sub(whole, mul(upper, 16));
  const [rows = 0, n = 0] = bytes.shape;
  const halves = [lower, upper].map((half) => reshape(half, [rows, n, 1]));
  return reshape(concat(halves, -1), [rows, 2 * n]);
}

function operand(x: Tensor | undefined): Tensor {
  if (!x) throw new Error("a composite operation lost an operand");
  return x;
}
