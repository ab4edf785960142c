import { describe, expect, it } from "vitest";
import {
  add,
  broadcastTo,
  cast,
  concat,
  constant,
  crossEntropy,
  cumulativeSum,
  dequantizeBlocks,
  div,
  elu,
  eluPlusOne,
  equal,
  exp,
  gather,
  gatherBlocks,
  kthLargest,
  input,
  iota,
  l2Normalize,
  less,
  linearCrossEntropy,
  log,
  logSoftmax,
  matmul,
  matmulBlocks,
  max,
  mean,
  min,
  mul,
  neg,
  pad,
  reshape,
  rmsNorm,
  rotate,
  scatterAdd,
  sigmoid,
  silu,
  slice,
  softmax,
  softmaxMatmul,
  sqrt,
  stopGradient,
  sub,
  sum,
  tanh,
  transpose,
  unitLowerInverse,
  where,
} from "../../graph/builder.ts";
import { createGraph } from "../../graph/graph.ts";
import { hostTensor, floatTensor, intTensor } from "../../tensor/host-tensor.ts";
import type { Op } from "../../graph/ops.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { FeedError } from "../engine.ts";
import { engineSuite, expectClose } from "../engine.suite.ts";
import { createReferenceEngine, evaluate, type NumericTensor } from "./reference.ts";

engineSuite("reference", createReferenceEngine);

interface Operand extends NumericTensor {
  readonly dtype: "float32" | "int32";
}

interface Example {
  readonly build: (...operands: Tensor[]) => Tensor;
  readonly operands: readonly Operand[];
  readonly expected: NumericTensor;
}

type Rows = number | readonly number[] | readonly (readonly number[])[];

const example = (build: Example["build"], operands: readonly Operand[], expected: Rows): Example => ({
  build,
  operands,
  expected: float(expected),
});

const float = (rows: Rows): Operand => ({ ...nested(rows), dtype: "float32" });
const int = (rows: Rows): Operand => ({ ...nested(rows), dtype: "int32" });

function nested(rows: Rows): NumericTensor {
  if (typeof rows === "number") return { shape: [], data: [rows] };
  const width = rows.map((row) => (typeof row === "number" ? [] : [row.length]))[0] ?? [];
  return { shape: [rows.length, ...width], data: rows.flat() };
}

const [LN2, LN3] = [Math.LN2, Math.log(3)];
const NUMBERS = float([
  [1, 2, 3],
  [4, 5, 6],
]);

/**
 * Two rows in blocks: codes of 9, which are one above 8, with the scale 2; and alternately 10 and 7 with the scale 1/2.
 */
const MATRIX = {
  blocks: constant(
    hostTensor(
      "uint8",
      [2, 1, 16],
      Uint8Array.from({ length: 32 }, (_, i) => (i < 16 ? 0x99 : 0x7a)),
    ),
  ),
  scales: constant(floatTensor([2, 1], Float32Array.of(2, 0.5))),
};
const ALTERNATING = Array.from({ length: 32 }, (_, i) => (i % 2 === 0 ? 1 : -0.5));

/** Values computed by hand. Total: an operation without an entry does not compile. */
const examples: { readonly [K in Op]: readonly Example[] } = {
  input: [example((x) => x, [float([5, -2])], [5, -2])],
  constant: [
    example(() => iota(3), [], [0, 1, 2]),
    example(() => constant(floatTensor([2, 1], Float32Array.of(0.5, -0.25))), [], [[0.5], [-0.25]]),
  ],

  neg: [example(neg, [float([1, -2])], [-1, 2])],
  exp: [example(exp, [float([0, 1])], [1, Math.E])],
  log: [example(log, [float([1, Math.E])], [0, 1])],
  sqrt: [example(sqrt, [float([4, 2.25])], [2, 1.5])],
  sigmoid: [example(sigmoid, [float([0, LN3])], [0.5, 0.75])],
  tanh: [example(tanh, [float([0, LN2])], [0, 0.6])],
  elu: [example(elu, [float([2, 0, -LN2])], [2, 0, -0.5])],
  cast: [
    example((x) => cast(x, "int32"), [float([-1.5, 2.5])], [-1, 2]),
    example((x) => cast(x, "bool"), [float([0, -3, 0.5])], [0, 1, 1]),
    example((x) => cast(x, "float32"), [int([3, -3])], [3, -3]),
  ],

  add: [
    example(
      add,
      [
        float([
          [1, 2],
          [3, 4],
        ]),
        float([10, 20]),
      ],
      [
        [11, 22],
        [13, 24],
      ],
    ),
  ],
  sub: [
    example(
      sub,
      [float([[1], [2]]), float([10, 20])],
      [
        [-9, -19],
        [-8, -18],
      ],
    ),
    example(sub, [float(3), float([1, 2])], [2, 1]),
  ],
  mul: [example(mul, [float([2, -3]), float([5, 7])], [10, -21])],
  div: [
    example(div, [float([1, -3]), float([2, 4])], [0.5, -0.75]),
    example(div, [int([7, -7]), int([2, 2])], [3, -3]),
  ],
  min: [example(min, [float([1, 5, 2]), float([3, 4, 2])], [1, 4, 2])],
  max: [example(max, [float([1, 5, 2]), float([3, 4, 2])], [3, 5, 2])],
  equal: [example(equal, [float([1, 5, 2]), float([3, 4, 2])], [0, 0, 1])],
  less: [example(less, [float([1, 5, 2]), float([3, 4, 2])], [1, 0, 0])],
  where: [example((a, b) => where(less(a, 0), a, b), [float([-1, 1]), float(9)], [-1, 9])],

  sum: [
    example((x) => sum(x), [NUMBERS], 21),
    example((x) => sum(x, [0]), [NUMBERS], [5, 7, 9]),
    example((x) => sum(x, [1], { keepAxes: true }), [NUMBERS], [[6], [15]]),
    example(
      (x) => sum(x, []),
      [NUMBERS],
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
    ),
  ],
  mean: [
    example((x) => mean(x), [NUMBERS], 3.5),
    example((x) => mean(x, [1]), [NUMBERS], [2, 5]),
    example((x) => mean(x, [0], { keepAxes: true }), [NUMBERS], [[2.5, 3.5, 4.5]]),
  ],
  cumulativeSum: [
    example(
      (x) => cumulativeSum(x, 1),
      [NUMBERS],
      [
        [1, 3, 6],
        [4, 9, 15],
      ],
    ),
    example(
      (x) => cumulativeSum(x, 0),
      [NUMBERS],
      [
        [1, 2, 3],
        [5, 7, 9],
      ],
    ),
    example(
      (x) => cumulativeSum(x, 1, { exclusive: true }),
      [NUMBERS],
      [
        [0, 1, 3],
        [0, 4, 9],
      ],
    ),
    example(
      (x) => cumulativeSum(x, 1, { reverse: true }),
      [NUMBERS],
      [
        [6, 5, 3],
        [15, 11, 6],
      ],
    ),
    example(
      (x) => cumulativeSum(x, 1, { exclusive: true, reverse: true }),
      [NUMBERS],
      [
        [5, 3, 0],
        [11, 6, 0],
      ],
    ),
  ],

  softmax: [
    example(
      softmax,
      [
        float([
          [0, LN3],
          [1000, 1000],
        ]),
      ],
      [
        [0.25, 0.75],
        [0.5, 0.5],
      ],
    ),
  ],
  logSoftmax: [example(logSoftmax, [float([0, LN3])], [-2 * LN2, LN3 - 2 * LN2])],
  kthLargest: [
    example((x) => kthLargest(x, 1), [NUMBERS], [[3], [6]]),
    example((x) => kthLargest(x, 3), [NUMBERS], [[1], [4]]),
    example((x) => kthLargest(x, 2), [float([7, -9, 7, 0])], [7]),
  ],

  rotate: [
    example(
      rotate,
      [
        float([
          [1, 2],
          [3, 4],
        ]),
        float([[1], [0]]),
        float([[0], [1]]),
      ],
      [
        [1, 2],
        [-4, 3],
      ],
    ),
    example(rotate, [float([[1, 2, 3, 4]]), float([[0, 0.5]]), float([[1, 2]])], [[-3, -7, 1, 6]]),
  ],

  matmul: [
    example(
      matmul,
      [
        float([
          [1, 2],
          [3, 4],
        ]),
        float([[5], [6]]),
      ],
      [[17], [39]],
    ),
    example(
      (a, b) => reshape(matmul(reshape(a, [2, 1, 2]), b), [2, 2]),
      [
        float([
          [1, 2],
          [3, 4],
        ]),
        float([
          [1, 10],
          [100, 1000],
        ]),
      ],
      [
        [201, 2010],
        [403, 4030],
      ],
    ),
  ],

  transpose: [
    example(
      (x) => transpose(x, [1, 0]),
      [NUMBERS],
      [
        [1, 4],
        [2, 5],
        [3, 6],
      ],
    ),
    example((x) => reshape(transpose(reshape(x, [3, 1, 2]), [2, 0, 1]), [6]), [NUMBERS], [1, 3, 5, 2, 4, 6]),
  ],
  reshape: [
    example(
      (x) => reshape(x, [3, 2]),
      [NUMBERS],
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
    ),
  ],
  broadcastTo: [
    example(
      (x) => broadcastTo(x, [2, 2]),
      [float([[7], [8]])],
      [
        [7, 7],
        [8, 8],
      ],
    ),
    example(
      (x) => broadcastTo(x, [2, 2]),
      [float([7, 8])],
      [
        [7, 8],
        [7, 8],
      ],
    ),
  ],
  concat: [
    example(
      (a, b) => concat([a, b], 1),
      [
        float([[1], [2]]),
        float([
          [3, 4],
          [5, 6],
        ]),
      ],
      [
        [1, 3, 4],
        [2, 5, 6],
      ],
    ),
  ],
  slice: [
    example(
      (x) => slice(x, 1, 1, 3),
      [NUMBERS],
      [
        [2, 3],
        [5, 6],
      ],
    ),
    example((x) => slice(x, 0, 1, 2), [NUMBERS], [[4, 5, 6]]),
  ],
  pad: [
    example(
      (x) => pad(x, 1, 1, 0),
      [float([[1], [2]])],
      [
        [0, 1],
        [0, 2],
      ],
    ),
    example((x) => pad(x, 0, 0, 2), [float([1])], [1, 0, 0]),
  ],

  gather: [
    example(
      gather,
      [NUMBERS, int([1, 0, 1])],
      [
        [4, 5, 6],
        [1, 2, 3],
        [4, 5, 6],
      ],
    ),
    example(gather, [NUMBERS, int(1)], [4, 5, 6]),
  ],
  scatterAdd: [
    example(
      (x, i) => scatterAdd(x, i, 3),
      [NUMBERS, int([2, 2])],
      [
        [0, 0, 0],
        [0, 0, 0],
        [5, 7, 9],
      ],
    ),
  ],

  stopGradient: [example(stopGradient, [float([1, -2])], [1, -2])],
  dequantizeBlocks: [example(() => dequantizeBlocks(MATRIX), [], [Array(32).fill(2), ALTERNATING])],
  matmulBlocks: [example((x) => matmulBlocks(x, MATRIX), [float([Array(32).fill(1)])], [[64, 8]])],
  gatherBlocks: [example((i) => gatherBlocks(MATRIX, i), [int([1, 0])], [ALTERNATING, Array(32).fill(2)])],

  eluPlusOne: [example(eluPlusOne, [float([2, 0, -LN2])], [3, 1, 0.5])],
  silu: [example(silu, [float([0, LN3])], [0, 0.75 * LN3])],
  rmsNorm: [example((x, scale) => rmsNorm(x, scale, 12.5), [float([[3, 4]]), float([1, 10])], [[0.6, 8]])],
  l2Normalize: [
    example((x) => l2Normalize(x, 0), [float([3, -4])], [0.6, -0.8]),
    example((x) => l2Normalize(x, 11), [float([3, -4])], [0.5, -2 / 3]),
  ],
  softmaxMatmul: [
    example(
      softmaxMatmul,
      [
        float([[0, LN3]]),
        float([
          [4, 8],
          [0, 4],
        ]),
      ],
      [[1, 5]],
    ),
  ],
  crossEntropy: [
    example(
      crossEntropy,
      [
        float([
          [0, LN3],
          [0, 0],
        ]),
        int([1, 0]),
      ],
      [Math.log(4 / 3), LN2],
    ),
    example(crossEntropy, [float([1000, -1000]), int(1)], 2000),
  ],
  linearCrossEntropy: [
    example(
      (x, w, t) => linearCrossEntropy(x, w, t),
      [
        float([
          [LN3, 5],
          [0, 0],
        ]),
        float([
          [0, 0],
          [1, 0],
        ]),
        int([1, 0]),
      ],
      [Math.log(4 / 3), LN2],
    ),
  ],
  unitLowerInverse: [
    example(
      unitLowerInverse,
      [
        float([
          [9, 9, 9],
          [2, 9, 9],
          [3, 4, 9],
        ]),
      ],
      [
        [1, 0, 0],
        [-2, 1, 0],
        [5, -4, 1],
      ],
    ),
  ],
};

describe("evaluate", () => {
  describe.each(Object.entries(examples))("%s", (op, cases) => {
    it.each(cases)("example %$", ({ build, operands, expected }) => {
      const inputs = operands.map(({ shape, dtype }, i) => input(`operand${i}`, shape, dtype));
      const graph = createGraph({ result: build(...inputs) });
      expect(graph.nodes.map((node) => node.op)).toContain(op);
      const feeds = Object.fromEntries(operands.map((value, i) => [`operand${i}`, value]));
      expectClose(evaluate(graph, feeds)["result"], expected, 1e-14);
    });
  });

  it("computes in double precision", () => {
    const graph = createGraph({ y: sub(input("x", []), 1) });
    expectClose(evaluate(graph, { x: float(1 + 1e-12) })["y"], float(1e-12), 1e-15);
  });

  it("refuses a missing feed and one of another shape or length", () => {
    const graph = createGraph({ y: neg(input("x", [2])) });
    expect(() => evaluate(graph, {})).toThrow(FeedError);
    expect(() => evaluate(graph, { x: float([1, 2, 3]) })).toThrow(FeedError);
    expect(() => evaluate(graph, { x: { shape: [2], data: [1] } })).toThrow(FeedError);
  });

  it.each([-1, 2])("refuses the index %d of a table of two rows", (index) => {
    const indices = constant(intTensor([], Int32Array.of(index)));
    const table = constant(floatTensor([2, 1], Float32Array.of(1, 2)));
    const update = constant(floatTensor([1], Float32Array.of(1)));
    expect(() => evaluate(createGraph({ y: gather(table, indices) }), {})).toThrow(RangeError);
    expect(() => evaluate(createGraph({ y: scatterAdd(update, indices, 2) }), {})).toThrow(RangeError);
  });
});
