import type { Shape } from "../../tensor/host-tensor.ts";

/* Vectors and matrices of plain numbers, for the naive forms of mixers. */

/** A tensor in any numeric form, row-major. */
export interface NumericTensor {
  readonly shape: Shape;
  readonly data: ArrayLike<number>;
}

export type Vector = readonly number[];
export type Matrix = readonly Vector[]; // rows

// Constants of graphs are stored as float32; rounding them here too leaves only differences of order.
export const float32 = Math.fround;
export const sum = (x: Vector): number => x.reduce((a, b) => a + b, 0);
export const dot = (x: Vector, y: Vector): number => sum(x.map((a, i) => a * at(y, i)));
export const scale = (factor: number, x: Vector): Vector => x.map((a) => factor * a);
export const plus = (x: Vector, y: Vector): Vector => x.map((a, i) => a + at(y, i));
export const minus = (x: Vector, y: Vector): Vector => x.map((a, i) => a - at(y, i));
/** Products of elements. */
export const product = (x: Vector, y: Vector): Vector => x.map((a, i) => a * at(y, i));
export const total = (vectors: Matrix): Vector => vectors.reduce(plus);
/** x W */
export const times = (x: Vector, W: Matrix): Vector => total(x.map((a, i) => scale(a, at(W, i))));
/** M + x^T y */
export const plusOuter = (M: Matrix, x: Vector, y: Vector): Matrix =>
  M.map((cells, i) => plus(cells, scale(at(x, i), y)));
export const scaleAll = (factor: number, M: Matrix): Matrix => M.map((cells) => scale(factor, cells));

export const range = (length: number): number[] => Array.from({ length }, (_, i) => i);
export const zeros = (length: number): Vector => range(length).map(() => 0);
export const zeroMatrix = (rows: number, width: number): Matrix => range(rows).map(() => zeros(width));

/** Rotary position embedding: turns each pair (x_i, x_{i + d/2}) by the angle position * base^(-2i/d). */
export function rotate(
  { headDim, ropeBase }: { headDim: number; ropeBase: number },
  x: Vector,
  position: number,
): Vector {
  const half = headDim / 2;
  return x.map((value, i) => {
    const angle = position * ropeBase ** (-(i % half) / half);
    const [cos, sin] = [float32(Math.cos(angle)), float32(Math.sin(angle))];
    return i < half ? value * cos - at(x, i + half) * sin : value * cos + at(x, i - half) * sin;
  });
}

export const sigmoid = (a: number): number => 1 / (1 + Math.exp(-a));
export const silu = (x: Vector): Vector => x.map((a) => a * sigmoid(a));
export const softplus = (a: number): number => (a > 30 ? a : Math.log1p(Math.exp(a)));

/** x / sqrt(mean(x^2) + epsilon) * weights */
export const rmsNorm = (x: Vector, weights: Vector, epsilon: number): Vector =>
  scale(1 / Math.sqrt(dot(x, x) / x.length + epsilon), product(x, weights));

export function softmaxOf(x: Vector): Vector {
  const powers = x.map((a) => Math.exp(a - Math.max(...x)));
  return scale(1 / sum(powers), powers);
}

/** The values weighted by the softmax of their scores. */
export function weigh(scores: Vector, values: Matrix): Vector {
  const weights = softmaxOf(scores);
  return total(values.map((value, i) => scale(at(weights, i), value)));
}

/** The last `size` rows of a list, after zeros where it is shorter. */
export function lastOf(rows: Matrix, size: number, width: number): Matrix {
  return [...range(size).map(() => zeros(width)), ...rows].slice(-size);
}

/** The columns of W [D][heads * d] that belong to each head. */
export function perHead(W: Matrix, heads: number): Matrix[] {
  const width = at(W, 0).length / heads;
  return range(heads).map((head) => W.map((cells) => cells.slice(head * width, (head + 1) * width)));
}

export function matrix(tensor: NumericTensor): Matrix {
  return range(sizeAt(tensor, 0)).map((i) => row(tensor, i));
}

/** The weight [out, in] of a linear layer by its inputs, so that x W^T is `times(x, columns(W))`. */
export function columns(weight: NumericTensor): Matrix {
  const rows = matrix(weight);
  return range(sizeAt(weight, 1)).map((i) => rows.map((cells) => at(cells, i)));
}

/** The tokens of each lane of x [B, T, D]. */
export function lanesOf(x: NumericTensor): Matrix[] {
  const T = sizeAt(x, 1);
  return range(sizeAt(x, 0)).map((lane) => range(T).map((t) => row(x, lane * T + t)));
}

/** The elements of each of several parts of x, in order, given their widths. */
export function split(x: Vector, widths: readonly number[]): Vector[] {
  return widths.map((width, i) => {
    const start = sum(widths.slice(0, i));
    return x.slice(start, start + width);
  });
}

/** The i-th run of elements along the innermost axis. */
export function row({ shape, data }: NumericTensor, i: number): Vector {
  const width = at(shape, shape.length - 1);
  return range(width).map((j) => at(data, i * width + j));
}

export function sizeAt({ shape }: NumericTensor, axis: number): number {
  return at(shape, axis);
}

export function at<T>(values: ArrayLike<T>, i: number): T {
  const value = values[i];
  if (value === undefined) throw new RangeError(`there is no element ${i} of ${values.length}`);
  return value;
}
