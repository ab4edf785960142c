import type { Shape } from "../graph/host-tensor.ts";

/* Vectors and matrices as plain loops over numbers of double precision, for mixers written one token after the other. */

/** A tensor in any numeric form, row-major. */
export interface NumericTensor {
  readonly shape: Shape;
  readonly data: ArrayLike<number>;
}

export type Vector = readonly number[];
export type Matrix = readonly Vector[]; // rows

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

export const sigmoid = (a: number): number => 1 / (1 + Math.exp(-a));
export const silu = (x: Vector): Vector => x.map((a) => a * sigmoid(a));
export const softplus = (a: number): number => (a > 30 ? a : Math.log1p(Math.exp(a)));
/** x / sqrt(mean(x^2) + epsilon) * weights */
export const rmsNorm = (x: Vector, weights: Vector, epsilon: number): Vector =>
  scale(1 / Math.sqrt(dot(x, x) / x.length + epsilon), product(x, weights));

export const range = (length: number): number[] => Array.from({ length }, (_, i) => i);
export const zeros = (length: number): Vector => range(length).map(() => 0);
export const zeroMatrix = (rows: number, columns: number): Matrix => range(rows).map(() => zeros(columns));

/** The elements of each of several parts of x, one after the other, that have these widths. */
export function split(x: Vector, widths: readonly number[]): Vector[] {
  return widths.map((width, i) => {
    const start = sum(widths.slice(0, i));
    return x.slice(start, start + width);
  });
}

export function vector({ data }: NumericTensor): Vector {
  return Array.from(data);
}

export function matrix({ shape, data }: NumericTensor): Matrix {
  const width = at(shape, shape.length - 1);
  return range(data.length / width).map((i) => range(width).map((j) => at(data, i * width + j)));
}

/** The tokens of each lane of x [B, T, D]. */
export function lanes(x: NumericTensor): Matrix[] {
  const [B, T] = [at(x.shape, 0), at(x.shape, 1)];
  const rows = matrix(x);
  return range(B).map((lane) => rows.slice(lane * T, (lane + 1) * T));
}

export function at<T>(values: ArrayLike<T>, i: number): T {
  const value = values[i];
  if (value === undefined) throw new RangeError(`there is no element ${i} of ${values.length}`);
  return value;
}
