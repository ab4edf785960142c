import { sameShape } from "../../graph/builder.ts";
import type { Graph } from "../../graph/graph.ts";
import { floatTensor, sizeOf, zerosOf, type HostDType, type HostTensor, type Shape } from "../../tensor/host-tensor.ts";
import { BLOCK_SIZE, codeBits, unpackBlocks } from "../../tensor/blocks.ts";
import { fromFloat32, toFloat32 } from "../../tensor/number-types.ts";
import { axisSize } from "../../graph/infer.ts";
import type { Op } from "../../graph/ops.ts";
import { COMPLETE } from "../../graph/target.ts";
import { GraphError, isOp, type Tensor } from "../../graph/tensor.ts";
import type { Flat } from "../../tensor/tree.ts";
import { checkFeeds, FeedError, type Engine } from "../engine.ts";

/** A tensor in double precision, row-major. Integers are stored unchanged, booleans as 0 and 1. */
export interface Float64Tensor {
  readonly shape: Shape;
  readonly data: Float64Array;
}

/** A value for an input in any numeric form, row-major. */
export interface NumericTensor {
  readonly shape: Shape;
  readonly data: ArrayLike<number>;
  /** For a 16-bit type the data are the bits. Default: they are the numbers. */
  readonly dtype?: HostDType;
}

/**
 * An engine in plain TypeScript that computes in double precision: the ground truth for the others. Slow.
 */
export function createReferenceEngine(): Engine {
  return {
    device: "reference",
    target: COMPLETE,
    compile: async (graph) => ({
      async run(feeds, into = {}) {
        checkFeeds(graph, feeds);
        const results = Object.entries(evaluate(graph, feeds)).map(([name, result]) => {
          const dtype = graph.outputs[name]?.dtype;
          if (!dtype || dtype === "bool") throw new TypeError(`output "${name}" of type bool cannot leave the graph`);
          return [name, writeTo(into[name] ?? zerosOf({ dtype, shape: result.shape }), result)] as const;
        });
        return Object.fromEntries(results);
      },
      dispose: async () => {},
    }),
  };
}

/**
 * The outputs of a graph in double precision. Composite operations are computed directly, not as
 * lowered.
 *
 * @param held Values that nodes have regardless of their operands.
 * @throws {FeedError} when an input is missing or has another shape.
 */
export function evaluate(
  graph: Graph,
  feeds: Flat<NumericTensor>,
  held: ReadonlyMap<Tensor, Float64Tensor> = new Map(),
): Record<string, Float64Tensor> {
  const values = new Map(held);
  const valueOf = (node: Tensor): Float64Tensor => {
    const value = values.get(node);
    if (!value) throw new GraphError(`${node.op} is used before it is computed`);
    return value;
  };
  for (const node of graph.nodes) {
    if (values.has(node)) continue;
    const data = isOp(node, "input") ? readFeed(node, feeds) : compute(node, node.inputs.map(valueOf));
    values.set(node, { shape: node.shape, data: node.dtype === "int32" ? data.map(toInt32) : data });
  }
  return Object.fromEntries(Object.entries(graph.outputs).map(([name, node]) => [name, valueOf(node)]));
}

// --- internal ---

type ReferenceRule<K extends Op> = (y: Tensor<K>, ...operands: Float64Tensor[]) => Float64Array;

/** The elements of every operation's result. Total: an operation without an entry does not compile. */
const rules: { readonly [K in Exclude<Op, "input">]: ReferenceRule<K> } = {
  constant: ({ attributes: { value } }) => numbersOf(value),

  neg: (y, x) => elementwise(y, [x], (a) => -a),
  exp: (y, x) => elementwise(y, [x], Math.exp),
  log: (y, x) => elementwise(y, [x], Math.log),
  sqrt: (y, x) => elementwise(y, [x], Math.sqrt),
  sigmoid: (y, x) => elementwise(y, [x], sigmoid),
  tanh: (y, x) => elementwise(y, [x], Math.tanh),
  elu: (y, x) => elementwise(y, [x], (a) => (a > 0 ? a : Math.expm1(a))),
  cast: (y, x) => elementwise(y, [x], (a) => (y.dtype === "bool" ? Number(a !== 0) : a)),

  add: (y, ...operands) => elementwise(y, operands, (a, b) => a + b),
  sub: (y, ...operands) => elementwise(y, operands, (a, b) => a - b),
  mul: (y, ...operands) => elementwise(y, operands, (a, b) => a * b),
  div: (y, ...operands) => elementwise(y, operands, (a, b) => a / b),
  min: (y, ...operands) => elementwise(y, operands, (a, b) => Math.min(a, b)),
  max: (y, ...operands) => elementwise(y, operands, (a, b) => Math.max(a, b)),
  equal: (y, ...operands) => elementwise(y, operands, (a, b) => Number(a === b)),
  less: (y, ...operands) => elementwise(y, operands, (a, b) => Number(a < b)),
  where: (y, ...operands) => elementwise(y, operands, (condition, a, b) => (condition === 0 ? b : a)),

  sum: ({ attributes: { axes } }, x) => sumOver(x, axes),
  mean: ({ attributes: { axes } }, x) => {
    const count = sizeOf(axes.map((axis) => axisSize(x.shape, axis)));
    return sumOver(x, axes).map((total) => total / count);
  },
  cumulativeSum: ({ attributes: { axis, exclusive, reverse } }, x) => {
    const sums = new Float64Array(x.data.length);
    const stride = stepAlong(x.shape, axis);
    const length = axisSize(x.shape, axis);
    for (const first of positions(x.shape.with(axis, 1), stridesOf(x.shape))) {
      let total = 0;
      for (let i = 0; i < length; i++) {
        const at = first + stride * (reverse ? length - 1 - i : i);
        const value = read(x.data, at);
        sums[at] = exclusive ? total : total + value;
        total += value;
      }
    }
    return sums;
  },

  softmax: (_, x) => alongRows(x, softmaxOf),
  logSoftmax: (_, x) =>
    alongRows(x, (row) => {
      const total = logSumExp(row);
      return row.map((value) => value - total);
    }),
  kthLargest: ({ shape, attributes: { k } }, x) => {
    const length = sizeAt(x.shape, -1);
    return Float64Array.from({ length: sizeOf(shape) }, (_, i) =>
      read(rowAt(x.data, i, length).toSorted(), length - k),
    );
  },

  rotate: (_, x, ...tables) => {
    const half = sizeAt(x.shape, -1) / 2;
    const [cos, sin] = tables.map((table) => broadcast(table, [...x.shape.slice(0, -1), half]));
    return x.data.map((value, i) => {
      const column = i % (2 * half);
      const angle = Math.floor(i / (2 * half)) * half + (column % half);
      const turned = column < half ? -read(x.data, i + half) : read(x.data, i - half);
      return value * read(cos ?? [], angle) + turned * read(sin ?? [], angle);
    });
  },

  matmul: ({ shape }, a, b) => product(shape, a, b),

  transpose: ({ shape, attributes: { permutation } }, x) => {
    const strides = stridesOf(x.shape);
    return pick(
      x,
      positions(
        shape,
        permutation.map((axis) => read(strides, axis)),
      ),
    );
  },
  reshape: (_, x) => x.data,
  broadcastTo: ({ shape }, x) => broadcast(x, shape),
  concat: (y, ...parts) => {
    const { axis } = y.attributes;
    const joined = new Float64Array(sizeOf(y.shape));
    let start = 0;
    for (const part of parts) {
      place(part, joined, y.shape, start * stepAlong(y.shape, axis));
      start += axisSize(part.shape, axis);
    }
    return joined;
  },
  slice: ({ shape, attributes: { axis, start } }, x) =>
    pick(x, positions(shape, stridesOf(x.shape), start * stepAlong(x.shape, axis))),
  pad: ({ shape, attributes: { axis, before } }, x) => {
    const padded = new Float64Array(sizeOf(shape));
    place(x, padded, shape, before * stepAlong(shape, axis));
    return padded;
  },

  gather: (y, table, indices) => {
    const width = sizeOf(table.shape.slice(1));
    const rows = new Float64Array(sizeOf(y.shape));
    indices.data.forEach((index, i) => rows.set(rowAt(table.data, index, width), i * width));
    return rows;
  },
  scatterAdd: (y, updates, indices) => {
    const width = sizeOf(y.shape.slice(1));
    const table = new Float64Array(sizeOf(y.shape));
    indices.data.forEach((index, i) => {
      const row = rowAt(table, index, width);
      row.forEach((value, j) => (row[j] = value + read(updates.data, i * width + j)));
    });
    return table;
  },

  dequantizeBlocks: (_, ...parts) => matrixOf(parts).data,
  matmulBlocks: ({ shape }, x, ...parts) => {
    const {
      shape: [out = 0, width = 0],
      data,
    } = matrixOf(parts);
    return Float64Array.from({ length: sizeOf(shape) }, (_, i) => {
      const [row, column] = [Math.floor(i / out), i % out];
      let total = 0;
      for (let k = 0; k < width; k++) total += read(x.data, row * width + k) * read(data, column * width + k);
      return total;
    });
  },
  gatherBlocks: ({ shape }, indices, ...parts) => {
    const {
      shape: [, width = 0],
      data,
    } = matrixOf(parts);
    const rows = new Float64Array(sizeOf(shape));
    indices.data.forEach((index, i) => rows.set(rowAt(data, index, width), i * width));
    return rows;
  },

  eluPlusOne: (y, x) => elementwise(y, [x], (a) => (a > 0 ? a + 1 : Math.exp(a))),
  silu: (y, x) => elementwise(y, [x], (a) => a * sigmoid(a)),
  rmsNorm: ({ attributes: { epsilon } }, x, scale) =>
    alongRows(x, (row) => {
      const root = Math.sqrt(sumOfSquares(row) / row.length + epsilon);
      return row.map((value, i) => (value / root) * read(scale.data, i));
    }),
  l2Normalize: ({ attributes: { epsilon } }, x) =>
    alongRows(x, (row) => {
      const norm = Math.sqrt(sumOfSquares(row) + epsilon);
      return row.map((value) => value / norm);
    }),
  softmaxMatmul: (y, scores, values) => {
    const weights = alongRows(scores, softmaxOf);
    return product(y.shape, { shape: scores.shape, data: weights }, values);
  },
  crossEntropy: (_, logits, targets) => {
    const classes = sizeAt(logits.shape, -1);
    return targets.data.map((target, i) => {
      const row = rowAt(logits.data, i, classes);
      return logSumExp(row) - read(row, target);
    });
  },
  linearCrossEntropy: (_, x, weight, targets) => {
    const [D, V] = [sizeAt(x.shape, -1), axisSize(weight.shape, 0)];
    return targets.data.map((target, i) => {
      const row = rowAt(x.data, i, D);
      const logits = Float64Array.from({ length: V }, (_unused, v) => dotOf(row, rowAt(weight.data, v, D)));
      return logSumExp(logits) - read(logits, target);
    });
  },
  stopGradient: (_, x) => x.data,
  unitLowerInverse: (_, matrix) => {
    const size = sizeAt(matrix.shape, -1);
    const inverses = new Float64Array(matrix.data.length);
    for (let start = 0; start < inverses.length; start += size * size) {
      const lower = matrix.data.subarray(start, start + size * size);
      substituteForward(lower, inverses.subarray(start, start + size * size), size);
    }
    return inverses;
  },
};

/** The product of matrices in the last two axes, of this shape. */
function product(shape: Shape, a: Float64Tensor, b: Float64Tensor): Float64Array {
  const batch = shape.slice(0, -2);
  const [n, m, inner] = [sizeAt(shape, -2), sizeAt(shape, -1), sizeAt(a.shape, -1)];
  const result = new Float64Array(sizeOf(shape));
  const starts = [a, b].map((x) => {
    const leading = x.shape.slice(0, -2);
    return positions(batch, broadcastStrides(leading, batch)).map((matrix) => matrix * sizeOf(x.shape.slice(-2)));
  });
  const [startsA, startsB] = [starts[0] ?? [], starts[1] ?? []];
  for (let i = 0; i < result.length; i++) {
    const [matrix, row, column] = [Math.floor(i / (n * m)), Math.floor(i / m) % n, i % m];
    const firstA = read(startsA, matrix) + row * inner;
    const firstB = read(startsB, matrix) + column;
    let total = 0;
    for (let k = 0; k < inner; k++) total += read(a.data, firstA + k) * read(b.data, firstB + k * m);
    result[i] = total;
  }
  return result;
}

/** The matrix [out, in] that has these codes, scales and zero points. */
function matrixOf([blocks, scales, zeroPoints]: readonly Float64Tensor[]): Float64Tensor {
  const bits = codeBits(blocks?.shape ?? []);
  if (!blocks || !scales || !bits) throw new Error("there are no blocks");
  const [out = 0, count = 0] = blocks.shape;
  const parts = { blocks: blocks.data, scales: scales.data, ...(zeroPoints && { zeroPoints: zeroPoints.data }) };
  return { shape: [out, count * BLOCK_SIZE], data: unpackBlocks(bits, count, parts) };
}

/** Solves (I + L) X = I for X, row by row: X[i] = I[i] - sum over k < i of L[i, k] X[k]. */
function substituteForward(lower: Float64Array, inverse: Float64Array, size: number): void {
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let value = i === j ? 1 : 0;
      for (let k = j; k < i; k++) value -= read(lower, i * size + k) * read(inverse, k * size + j);
      inverse[i * size + j] = value;
    }
  }
}

function compute(node: Tensor, operands: readonly Float64Tensor[]): Float64Array {
  const rule = rules[node.op as keyof typeof rules] as ReferenceRule<Op>;
  return rule(node, ...operands);
}

function readFeed({ attributes: { name }, shape }: Tensor<"input">, feeds: Flat<NumericTensor>): Float64Array {
  const value = feeds[name];
  if (!value) throw new FeedError(`input "${name}" is missing`);
  if (value.shape.join() !== shape.join() || value.data.length !== sizeOf(shape)) {
    throw new FeedError(`input "${name}" must be [${shape.join(", ")}], got [${value.shape.join(", ")}]`);
  }
  return numbersOf(value);
}

/** The numbers of a tensor in double precision. */
function numbersOf({ dtype, shape, data }: NumericTensor): Float64Array {
  const isShort = (dtype === "float16" || dtype === "bfloat16") && data instanceof Uint16Array;
  return Float64Array.from(isShort ? toFloat32({ dtype, shape, data }).data : data);
}

function writeTo(target: HostTensor, { shape, data }: Float64Tensor): HostTensor {
  if (target.shape.join() !== shape.join()) {
    throw new RangeError(`an output of shape [${shape.join(", ")}] does not fit [${target.shape.join(", ")}]`);
  }
  const { dtype } = target;
  const isShort = dtype === "float16" || dtype === "bfloat16";
  target.data.set(isShort ? fromFloat32(floatTensor(shape, Float32Array.from(data)), dtype).data : data);
  return target;
}

function elementwise(
  { shape }: Tensor,
  operands: readonly Float64Tensor[],
  f: (a: number, b: number, c: number) => number,
): Float64Array {
  const [first = new Float64Array(), second = first, third = second] = operands.map((x) => broadcast(x, shape));
  return first.map((a, i) => f(a, read(second, i), read(third, i)));
}

function broadcast(x: Float64Tensor, shape: Shape): Float64Array {
  return sameShape(x.shape, shape) ? x.data : pick(x, positions(shape, broadcastStrides(x.shape, shape)));
}

function sumOver(x: Float64Tensor, axes: readonly number[]): Float64Array {
  const kept = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const sums = new Float64Array(sizeOf(kept));
  positions(x.shape, broadcastStrides(kept, x.shape)).forEach((to, i) => {
    sums[to] = read(sums, to) + read(x.data, i);
  });
  return sums;
}

/** Applies `f` to each row along the innermost axis. */
function alongRows(x: Float64Tensor, f: (row: Float64Array) => Float64Array): Float64Array {
  const length = sizeAt(x.shape, -1);
  const result = new Float64Array(x.data.length);
  for (let i = 0; i * length < result.length; i++) result.set(f(rowAt(x.data, i, length)), i * length);
  return result;
}

/** A view of one row of a table. */
function rowAt(table: Float64Array, index: number, width: number): Float64Array {
  if (index < 0 || (index + 1) * width > table.length) throw new RangeError(`there is no row ${index}`);
  return table.subarray(index * width, (index + 1) * width);
}

function pick(x: Float64Tensor, from: Int32Array): Float64Array {
  return Float64Array.from(from, (position) => read(x.data, position));
}

/** Writes all of `part` into a tensor of this shape, its first element at `offset`. */
function place(part: Float64Tensor, into: Float64Array, shape: Shape, offset: number): void {
  positions(part.shape, stridesOf(shape), offset).forEach((to, i) => (into[to] = read(part.data, i)));
}

/** Where each index of a shape lies in memory, in row-major order of the indices. */
function positions(shape: Shape, strides: readonly number[], offset = 0): Int32Array {
  let starts = Int32Array.of(offset);
  shape.forEach((size, axis) => {
    const stride = read(strides, axis);
    const before = starts;
    starts = new Int32Array(before.length * size);
    before.forEach((start, i) => {
      for (let j = 0; j < size; j++) starts[i * size + j] = start + j * stride;
    });
  });
  return starts;
}

/** Steps in memory from one index to the next, for each axis of a row-major tensor. */
function stridesOf(shape: Shape): number[] {
  return shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
}

/** Strides that read a tensor as one of the shape `to`: zero along the axes it is repeated on. */
function broadcastStrides(shape: Shape, to: Shape): number[] {
  const own = stridesOf(shape);
  const extra = to.length - shape.length;
  return to.map((_, axis) => (axis < extra || shape[axis - extra] === 1 ? 0 : read(own, axis - extra)));
}

function stepAlong(shape: Shape, axis: number): number {
  return sizeOf(shape.slice(axis + 1));
}

function sizeAt(shape: Shape, fromEnd: number): number {
  return axisSize(shape, shape.length + fromEnd);
}

function read(data: ArrayLike<number>, position: number): number {
  const value = data[position];
  if (value === undefined) throw new RangeError(`position ${position} lies outside ${data.length} elements`);
  return value;
}

const toInt32 = (value: number): number => value | 0;
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const highestOf = (row: Float64Array): number => row.reduce((a, b) => Math.max(a, b));
const sumOf = (row: Float64Array): number => row.reduce((a, b) => a + b, 0);
const dotOf = (a: Float64Array, b: Float64Array): number => sumOf(a.map((value, i) => value * read(b, i)));
const sumOfSquares = (row: Float64Array): number => sumOf(row.map((value) => value * value));

/** e to the power of each element, relative to the highest, so that none overflows. */
function powersOf(row: Float64Array): Float64Array {
  const highest = highestOf(row);
  return row.map((value) => Math.exp(value - highest));
}

function softmaxOf(row: Float64Array): Float64Array {
  const powers = powersOf(row);
  const total = sumOf(powers);
  return powers.map((power) => power / total);
}

function logSumExp(row: Float64Array): number {
  return highestOf(row) + Math.log(sumOf(powersOf(row)));
}
