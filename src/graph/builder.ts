import type { Blocks } from "../tensor/blocks.ts";
import type { DType, HostDType, HostTensor, Shape } from "../tensor/host-tensor.ts";
import { floatTensor, intTensor } from "../tensor/host-tensor.ts";
import { SMALLEST_DENOMINATOR } from "./limits.ts";
import { sharedConstant } from "./shared-constant.ts";
import { apply, isOp, type Tensor } from "./tensor.ts";

/*
 * The operations as functions. Operands broadcast as in NumPy; a plain number stands for a float scalar;
 * negative axes count from the innermost. All throw GraphError when the operands do not fit.
 */

export type Operand = Tensor | number;

/** A value fed at run time. */
export function input(name: string, shape: Shape, dtype: HostDType = "float32"): Tensor<"input"> {
  return { op: "input", inputs: [], attributes: { name }, shape, dtype };
}

export function constant(value: HostTensor): Tensor {
  return apply("constant", [], { value });
}

export function scalar(value: number): Tensor {
  return sharedConstant("scalar", [value], () => floatTensor([], Float32Array.of(value)));
}

/** `length` whole numbers from `start` on, as int32. */
export function iota(length: number, start = 0): Tensor {
  return sharedConstant("iota", [length, start], () =>
    intTensor(
      [length],
      Int32Array.from({ length }, (_, i) => start + i),
    ),
  );
}

export const neg = (x: Tensor): Tensor => apply("neg", [x], {});
export const exp = (x: Tensor): Tensor => apply("exp", [x], {});
export const log = (x: Tensor): Tensor => apply("log", [x], {});
export const sqrt = (x: Tensor): Tensor => apply("sqrt", [x], {});
export const sigmoid = (x: Tensor): Tensor => apply("sigmoid", [x], {});
export const tanh = (x: Tensor): Tensor => apply("tanh", [x], {});
/** x above zero, exp(x) - 1 below. */
export const elu = (x: Tensor): Tensor => apply("elu", [x], {});
export const square = (x: Tensor): Tensor => apply("mul", [x, x], {});

/** The value as another type; the same tensor when it has it already. */
export function cast(x: Tensor, to: DType): Tensor {
  return x.dtype === to ? x : apply("cast", [x], { to });
}

export const add = (a: Operand, b: Operand): Tensor => apply("add", [lift(a), lift(b)], {});
export const sub = (a: Operand, b: Operand): Tensor => apply("sub", [lift(a), lift(b)], {});
export const mul = (a: Operand, b: Operand): Tensor => apply("mul", [lift(a), lift(b)], {});
export const div = (a: Operand, b: Operand): Tensor => apply("div", [lift(a), lift(b)], {});
export const min = (a: Operand, b: Operand): Tensor => apply("min", [lift(a), lift(b)], {});
export const max = (a: Operand, b: Operand): Tensor => apply("max", [lift(a), lift(b)], {});
export const equal = (a: Operand, b: Operand): Tensor => apply("equal", [lift(a), lift(b)], {});
export const less = (a: Operand, b: Operand): Tensor => apply("less", [lift(a), lift(b)], {});

/** `a` where the condition holds, `b` elsewhere. */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  return apply("where", [condition, lift(a), lift(b)], {});
}

interface ReductionOptions {
  /** Leave reduced axes in the shape with size 1. Default false. */
  readonly keepAxes?: boolean;
}

/** Sum over these axes, or over all of them. */
export function sum(x: Tensor, axes?: readonly number[], { keepAxes = false }: ReductionOptions = {}): Tensor {
  return apply("sum", [x], { axes: absolute(x, axes), keepAxes });
}

/** Mean over these axes, or over all of them. */
export function mean(x: Tensor, axes?: readonly number[], { keepAxes = false }: ReductionOptions = {}): Tensor {
  return apply("mean", [x], { axes: absolute(x, axes), keepAxes });
}

interface CumulativeSumOptions {
  /** Exclude the element itself. Default false. */
  readonly exclusive?: boolean;
  /** From the end towards the start. Default false. */
  readonly reverse?: boolean;
}

export function cumulativeSum(
  x: Tensor,
  axis: number,
  { exclusive = false, reverse = false }: CumulativeSumOptions = {},
): Tensor {
  return apply("cumulativeSum", [x], { axis: absoluteAxis(x, axis), exclusive, reverse });
}

/** Softmax along the innermost axis. */
export const softmax = (x: Tensor): Tensor => apply("softmax", [x], {});
/** Logarithm of the softmax along the innermost axis. */
export const logSoftmax = (x: Tensor): Tensor => apply("logSoftmax", [x], {});

/** The k-th largest element, counted from 1, of each row [.., n] -> [.., 1]. No gradient. */
export const kthLargest = (x: Tensor, k: number): Tensor => apply("kthLargest", [x], { k });

/**
 * Rotates the pairs (i, i + d/2) of x [.., T, d] by angles given as cosines and sines, which broadcast to [.., T, d/2].
 */
export const rotate = (x: Tensor, cos: Tensor, sin: Tensor): Tensor => apply("rotate", [x, cos, sin], {});

/** Product of the matrices in the last two axes; the axes before them broadcast. */
export const matmul = (a: Tensor, b: Tensor): Tensor => apply("matmul", [a, b], {});

/** The axes of x in another order; for a transposed tensor, the original where the two cancel. */
export function transpose(x: Tensor, permutation: readonly number[]): Tensor {
  const [original] = x.inputs;
  if (original && undoes(permutation, x)) return original;
  return apply("transpose", [x], { permutation });
}

/** Swaps the last two axes. */
export function matrixTranspose(x: Tensor): Tensor {
  const rank = x.shape.length;
  const leading = Array.from({ length: rank - 2 }, (_, i) => i);
  return transpose(x, [...leading, rank - 1, rank - 2]);
}

export function reshape(x: Tensor, shape: Shape): Tensor {
  return sameShape(x.shape, shape) ? x : apply("reshape", [x], { shape });
}

export function broadcastTo(x: Tensor, shape: Shape): Tensor {
  return sameShape(x.shape, shape) ? x : apply("broadcastTo", [x], { shape });
}

export function concat(parts: readonly Tensor[], axis: number): Tensor {
  const [first] = parts;
  if (first && parts.length === 1) return first;
  return apply("concat", parts, { axis: first ? absoluteAxis(first, axis) : axis });
}

/** The elements start .. end-1 along one axis. */
export function slice(x: Tensor, axis: number, start: number, end: number): Tensor {
  const at = absoluteAxis(x, axis);
  return start === 0 && end === x.shape[at] ? x : apply("slice", [x], { axis: at, start, end });
}

/** Zeros before and after along one axis. */
export function pad(x: Tensor, axis: number, before: number, after: number): Tensor {
  return before === 0 && after === 0 ? x : apply("pad", [x], { axis: absoluteAxis(x, axis), before, after });
}

/** Rows of a table: `table[indices]`. Indices must lie inside the table. */
export const gather = (table: Tensor, indices: Tensor): Tensor => apply("gather", [table, indices], {});

/** A table of `rows` rows that holds, at each index, the sum of the updates that name it. */
export function scatterAdd(updates: Tensor, indices: Tensor, rows: number): Tensor {
  return apply("scatterAdd", [updates, indices], { rows });
}

/** The matrix float32 [out, in] that blocks stand for. */
export function dequantizeBlocks(matrix: Blocks<Tensor>): Tensor {
  return apply("dequantizeBlocks", partsOf(matrix), {});
}

/** x W^T for x [.., in] and a matrix W [out, in] in blocks -> [.., out]. No gradient for W. */
export function matmulBlocks(x: Tensor, matrix: Blocks<Tensor>): Tensor {
  return apply("matmulBlocks", [x, ...partsOf(matrix)], {});
}

/**
 * Rows of a table [rows, in] in blocks at int32 indices [..] -> float32 [.., in]. Indices must lie inside the table. No
 * gradient.
 */
export function gatherBlocks(table: Blocks<Tensor>, indices: Tensor): Tensor {
  return apply("gatherBlocks", [indices, ...partsOf(table)], {});
}

/** ELU(x) + 1: x + 1 above zero, exp(x) below. Never negative; in single precision it is zero below about -17. */
export const eluPlusOne = (x: Tensor): Tensor => apply("eluPlusOne", [x], {});

/** x * sigmoid(x). */
export const silu = (x: Tensor): Tensor => apply("silu", [x], {});

/** x / sqrt(mean(x^2) + epsilon) * scale along the innermost axis (arXiv 1910.07467). */
export function rmsNorm(x: Tensor, scale: Tensor, epsilon: number): Tensor {
  return apply("rmsNorm", [x, scale], { epsilon });
}

/** x / sqrt(sum(x^2) + epsilon) along the innermost axis. */
export function l2Normalize(x: Tensor, epsilon = SMALLEST_DENOMINATOR): Tensor {
  return apply("l2Normalize", [x], { epsilon });
}

/** softmax(scores) v, as in {@link matmul}: scores [.., N, keys], values [.., keys, d] -> [.., N, d]. */
export const softmaxMatmul = (scores: Tensor, values: Tensor): Tensor => apply("softmaxMatmul", [scores, values], {});

/** -log softmax(logits)[target] for each row: logits [..., V], targets int32 [...] -> [...], in nats. */
export function crossEntropy(logits: Tensor, targets: Tensor): Tensor {
  return apply("crossEntropy", [logits, targets], {});
}

/**
 * The {@link crossEntropy} of logits x W^T without holding all of them in memory: x [.., D], W [V, D], targets int32
 * [..] -> [..], in nats. `rowsAtOnce` is how many rows of logits there are at a time. Default: as many as fit in 64 MB.
 */
export function linearCrossEntropy(x: Tensor, weight: Tensor, targets: Tensor, rowsAtOnce?: number): Tensor {
  const fitting = Math.max(1, Math.floor(LOGITS_AT_ONCE / (weight.shape[0] ?? 1)));
  return apply("linearCrossEntropy", [x, weight, targets], { rowsAtOnce: rowsAtOnce ?? fitting });
}

/** x itself, but gradients treat it as a constant. */
export const stopGradient = (x: Tensor): Tensor => apply("stopGradient", [x], {});

/** (I + L)^-1 for L the strictly lower part of each matrix [..., N, N]; the rest is not read. */
export const unitLowerInverse = (matrix: Tensor): Tensor => apply("unitLowerInverse", [matrix], {});

/** Whether two shapes are equal. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}

// --- internal ---

const LOGITS_AT_ONCE = 1 << 24;

function undoes(permutation: readonly number[], x: Tensor): boolean {
  if (!isOp(x, "transpose") || permutation.length !== x.shape.length) return false;
  return permutation.every((axis, i) => x.attributes.permutation[axis] === i);
}

function partsOf({ blocks, scales, zeroPoints }: Blocks<Tensor>): Tensor[] {
  return [blocks, scales, ...(zeroPoints ? [zeroPoints] : [])];
}

function lift(x: Operand): Tensor {
  return typeof x === "number" ? scalar(x) : x;
}

function absoluteAxis({ shape }: Tensor, axis: number): number {
  return axis < 0 ? shape.length + axis : axis;
}

function absolute(x: Tensor, axes?: readonly number[]): readonly number[] {
  return axes ? axes.map((axis) => absoluteAxis(x, axis)) : x.shape.map((_, axis) => axis);
}
