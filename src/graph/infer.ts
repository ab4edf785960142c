import type { DType, HostTensor, Shape } from "../tensor/host-tensor.ts";
import { BLOCK_SIZE, codeBits, zeroPointBytes } from "../tensor/blocks.ts";
import { sizeOf } from "../tensor/host-tensor.ts";
import type { Op, OpAttributes } from "./ops.ts";

/** What is known about a tensor before it is computed. */
export interface TensorType {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** The types that computations use. The others are converted to one of these first. */
const COMPUTED: readonly DType[] = ["float32", "int32"];

type InferenceRule<Attributes> = (inputs: readonly TensorType[], attributes: Attributes) => TensorType;

const unary: InferenceRule<object> = (inputs) => float(only(inputs));

const binary: InferenceRule<object> = (inputs) => {
  const [a, b] = pair(inputs);
  if (a.dtype !== b.dtype || !COMPUTED.includes(a.dtype)) throw new Error("operands must have the same numeric type");
  return { shape: broadcastShapes(a.shape, b.shape), dtype: a.dtype };
};

const comparison: InferenceRule<object> = (inputs, attributes) => ({
  shape: binary(inputs, attributes).shape,
  dtype: "bool",
});

const reduction: InferenceRule<OpAttributes["sum"]> = (inputs, { axes, keepAxes }) => {
  const x = float(only(inputs));
  for (const axis of axes) checkAxis(axis, x.shape);
  const shape = keepAxes
    ? x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
    : x.shape.filter((_, axis) => !axes.includes(axis));
  return { shape, dtype: x.dtype };
};

const alongLast: InferenceRule<object> = (inputs) => {
  const x = float(only(inputs));
  checkAxis(x.shape.length - 1, x.shape);
  return x;
};

/** The type of each operation's result; throws when the operands do not fit. */
export const inferenceRules: { readonly [K in Op]: InferenceRule<OpAttributes[K]> } = {
  input: () => {
    throw new Error("inputs are made with input()");
  },
  constant: (_, { value }) => ofHost(value),

  neg: unary,
  exp: unary,
  log: unary,
  sqrt: unary,
  sigmoid: unary,
  tanh: unary,
  elu: unary,
  cast: (inputs, { to }) => {
    const { shape } = only(inputs);
    if (to !== "bool" && !COMPUTED.includes(to)) throw new Error(`cannot convert to ${to} in a graph`);
    return { shape, dtype: to };
  },

  add: binary,
  sub: binary,
  mul: binary,
  div: binary,
  min: binary,
  max: binary,
  equal: comparison,
  less: comparison,
  where: (inputs) => {
    const [condition, a, b] = inputs;
    if (!condition || !a || !b || inputs.length !== 3) throw new Error("takes three operands");
    if (condition.dtype !== "bool") throw new Error("the condition must be bool");
    const chosen = binary([a, b], {});
    return { shape: broadcastShapes(condition.shape, chosen.shape), dtype: chosen.dtype };
  },

  sum: reduction,
  mean: reduction,
  cumulativeSum: (inputs, { axis }) => {
    const x = float(only(inputs));
    checkAxis(axis, x.shape);
    return x;
  },

  softmax: alongLast,
  logSoftmax: alongLast,
  kthLargest: (inputs, { k }) => {
    const { shape, dtype } = alongLast(inputs, {});
    const length = axisSize(shape, shape.length - 1);
    if (!(1 <= k && k <= length)) throw new Error(`there is no element ${k} in rows of ${length}`);
    return { shape: [...shape.slice(0, -1), 1], dtype };
  },

  rotate: (inputs) => {
    const [x, cos, sin] = inputs.map(float);
    if (!x || !cos || !sin || inputs.length !== 3) throw new Error("takes three operands");
    const angles = [...x.shape.slice(0, -1), axisSize(x.shape, x.shape.length - 1) / 2];
    for (const { shape } of [cos, sin]) {
      const fits = shape.length >= 2 && broadcastShapes(shape, angles).every((size, i) => size === angles[i]);
      if (!fits || shape.at(-1) !== angles.at(-1))
        throw new Error("the tables must have one angle for each pair of a row");
    }
    return x;
  },

  matmul: (inputs) => {
    const [a, b] = pair(inputs).map(float);
    if (!a || !b || a.shape.length < 2 || b.shape.length < 2) throw new Error("needs two axes or more");
    if (a.shape.at(-1) !== b.shape.at(-2)) {
      throw new Error(`inner sizes ${a.shape.at(-1)} and ${b.shape.at(-2)} differ`);
    }
    const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
    return { shape: [...batch, ...a.shape.slice(-2, -1), ...b.shape.slice(-1)], dtype: a.dtype };
  },

  transpose: (inputs, { permutation }) => {
    const { shape, dtype } = only(inputs);
    const sorted = permutation.toSorted((i, j) => i - j);
    if (permutation.length !== shape.length || sorted.some((axis, i) => axis !== i)) {
      throw new Error(`[${permutation.join(", ")}] is not a permutation of the axes`);
    }
    return { shape: permutation.map((axis) => axisSize(shape, axis)), dtype };
  },
  reshape: (inputs, { shape }) => {
    const x = only(inputs);
    if (sizeOf(x.shape) !== sizeOf(shape)) throw new Error(`cannot become [${shape.join(", ")}]`);
    return { shape, dtype: x.dtype };
  },
  broadcastTo: (inputs, { shape }) => {
    const x = only(inputs);
    const result = broadcastShapes(x.shape, shape);
    if (result.length !== shape.length || result.some((size, i) => size !== shape[i])) {
      throw new Error(`cannot become [${shape.join(", ")}]`);
    }
    return { shape, dtype: x.dtype };
  },
  concat: (inputs, { axis }) => {
    const [first] = inputs;
    if (!first) throw new Error("takes one operand or more");
    checkAxis(axis, first.shape);
    for (const { shape, dtype } of inputs) {
      const fits = shape.length === first.shape.length && dtype === first.dtype;
      if (!fits || shape.some((size, i) => i !== axis && size !== first.shape[i])) {
        throw new Error(`operands may differ along axis ${axis} only`);
      }
    }
    const total = inputs.reduce((sum, { shape }) => sum + axisSize(shape, axis), 0);
    return { shape: first.shape.with(axis, total), dtype: first.dtype };
  },
  slice: (inputs, { axis, start, end }) => {
    const { shape, dtype } = only(inputs);
    checkAxis(axis, shape);
    if (!(0 <= start && start < end && end <= axisSize(shape, axis))) {
      throw new Error(`[${start}, ${end}) does not lie inside axis ${axis}`);
    }
    return { shape: shape.with(axis, end - start), dtype };
  },
  pad: (inputs, { axis, before, after }) => {
    const { shape, dtype } = float(only(inputs));
    checkAxis(axis, shape);
    if (before < 0 || after < 0) throw new Error("padding cannot be negative");
    return { shape: shape.with(axis, before + axisSize(shape, axis) + after), dtype };
  },

  gather: (inputs) => {
    const [table, indices] = pair(inputs);
    checkAxis(0, table.shape);
    return { shape: [...int(indices).shape, ...table.shape.slice(1)], dtype: table.dtype };
  },
  scatterAdd: (inputs, { rows }) => {
    const [updates, indices] = pair(inputs);
    const leading = updates.shape.slice(0, int(indices).shape.length);
    if (indices.shape.some((size, i) => size !== leading[i])) throw new Error("needs one index for each row");
    return { shape: [rows, ...updates.shape.slice(indices.shape.length)], dtype: float(updates).dtype };
  },

  dequantizeBlocks: (inputs) => ({ shape: matrixInBlocks(inputs), dtype: "float32" }),
  matmulBlocks: ([x, ...parts]) => {
    const [out, width] = matrixInBlocks(parts);
    const { shape, dtype } = alongLast(x ? [x] : [], {});
    if (shape.length < 2) throw new Error("needs two axes or more");
    if (shape.at(-1) !== width) throw new Error(`inner sizes ${shape.at(-1)} and ${width} differ`);
    return { shape: [...shape.slice(0, -1), out], dtype };
  },
  gatherBlocks: ([indices, ...parts]) => {
    const [, width] = matrixInBlocks(parts);
    if (!indices) throw new Error("takes indices");
    return { shape: [...int(indices).shape, width], dtype: "float32" };
  },

  eluPlusOne: unary,
  silu: unary,
  rmsNorm: (inputs) => {
    const [x, scale] = pair(inputs).map(float);
    if (!x || scale?.shape.length !== 1 || scale.shape[0] !== x.shape.at(-1)) {
      throw new Error("the scale must have one element for each feature");
    }
    return x;
  },
  l2Normalize: alongLast,
  softmaxMatmul: (inputs) => inferenceRules.matmul(inputs, {}),
  crossEntropy: (inputs) => {
    const [logits, targets] = pair(inputs);
    const rows = alongLast([logits], {}).shape.slice(0, -1);
    const fits = rows.length === int(targets).shape.length;
    if (!fits || rows.some((size, i) => size !== targets.shape[i])) throw new Error("needs one target for each row");
    return { shape: rows, dtype: logits.dtype };
  },
  linearCrossEntropy: (inputs, { rowsAtOnce }) => {
    const [x, weight, targets] = inputs;
    if (!x || !weight || !targets || inputs.length !== 3) throw new Error("takes three operands");
    if (weight.shape.length !== 2 || weight.shape[1] !== float(x).shape.at(-1))
      throw new Error("the weight must have a row as wide as x for each class");
    if (!(rowsAtOnce >= 1)) throw new Error("must take at least one row at a time");
    return inferenceRules.crossEntropy([{ ...float(weight), shape: x.shape }, targets], {});
  },
  stopGradient: (inputs) => only(inputs),
  unitLowerInverse: (inputs) => {
    const x = float(only(inputs));
    if (x.shape.length < 2 || x.shape.at(-1) !== x.shape.at(-2)) throw new Error("needs square matrices");
    return x;
  },
};

/** The shape two operands broadcast to, as in NumPy. Throws `Error` when they do not. */
export function broadcastShapes(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const left = a[a.length - rank + i] ?? 1;
    const right = b[b.length - rank + i] ?? 1;
    if (left !== right && left !== 1 && right !== 1) {
      throw new Error(`[${a.join(", ")}] and [${b.join(", ")}] do not broadcast`);
    }
    return left === 1 ? right : left;
  });
}

/** The size of an axis; throws `Error` when the shape does not have it. */
export function axisSize(shape: Shape, axis: number): number {
  const size = shape[axis];
  if (size === undefined) throw new Error(`[${shape.join(", ")}] has no axis ${axis}`);
  return size;
}

// --- internal ---

/** The shape of the matrix that has these codes, scales and zero points. */
function matrixInBlocks([blocks, scales, zeroPoints]: readonly TensorType[]): [number, number] {
  if (!blocks || !scales) throw new Error("takes codes and scales");
  const bits = codeBits(blocks.shape);
  if (blocks.dtype !== "uint8" || !bits) throw new Error("codes must be uint8 [out, blocks, 16 or 32]");
  const [out = 0, count = 0] = blocks.shape;
  const expect = ({ shape, dtype }: TensorType, what: string, type: DType, wanted: Shape): void => {
    if (dtype !== type || shape.join() !== wanted.join())
      throw new Error(`${what} must be ${type}[${wanted.join(", ")}]`);
  };
  expect(scales, "scales", "float32", [out, count]);
  if (zeroPoints) expect(zeroPoints, "zero points", "uint8", [out, zeroPointBytes(count, bits)]);
  return [out, count * BLOCK_SIZE];
}

function checkAxis(axis: number, shape: Shape): void {
  axisSize(shape, axis);
}

function only(inputs: readonly TensorType[]): TensorType {
  const [x] = inputs;
  if (!x || inputs.length !== 1) throw new Error("takes one operand");
  return { shape: x.shape, dtype: x.dtype };
}

function pair(inputs: readonly TensorType[]): [TensorType, TensorType] {
  const [a, b] = inputs;
  if (!a || !b || inputs.length !== 2) throw new Error("takes two operands");
  return [a, b];
}

function float(x: TensorType): TensorType {
  if (x.dtype !== "float32") throw new Error(`needs float32, got ${x.dtype}`);
  return { shape: x.shape, dtype: x.dtype };
}

function int(x: TensorType): TensorType {
  if (x.dtype !== "int32") throw new Error(`needs int32 indices, got ${x.dtype}`);
  return x;
}

function ofHost({ shape, dtype }: HostTensor): TensorType {
  return { shape, dtype };
}
