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
  input,
  iota,
  kthLargest,
  l2Normalize,
  less,
  linearCrossEntropy,
  log,
  logSoftmax,
  matmul,
  matmulBlocks,
  matrixTranspose,
  max,
  mean,
  min,
  mul,
  neg,
  pad,
  reshape,
  rmsNorm,
  rotate,
  scalar,
  scatterAdd,
  sigmoid,
  silu,
  slice,
  softmax,
  softmaxMatmul,
  sqrt,
  square,
  stopGradient,
  sub,
  sum,
  tanh,
  transpose,
  unitLowerInverse,
  where,
} from "../graph/builder.ts";
import { quantizeBlocks, type Blocks } from "../tensor/blocks.ts";
import { createGraph, type Graph } from "../graph/graph.ts";
import {
  filled,
  floatTensor,
  hostTensor,
  intTensor,
  sizeOf,
  zeros,
  type FloatTensor,
  type HostTensor,
} from "../tensor/host-tensor.ts";
import { fromFloat32 } from "../tensor/number-types.ts";
import type { Op } from "../graph/ops.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Flat } from "../tensor/tree.ts";
import { createRng } from "../base/random.ts";

/** An operation on some operands, and what to feed for them. */
export interface OperationCase {
  readonly op: Op;
  /** The computation, with the types and shapes of its operands. */
  readonly title: string;
  readonly graph: Graph;
  readonly feeds: Flat<HostTensor>;
}

/** Several cases of every operation; the output is `result`. */
export function operationCases(): OperationCase[] {
  return Object.entries(cases).flatMap(([op, list]) => list.map((each) => operationCase(op as Op, each)));
}

// --- internal ---

interface Case {
  readonly operands: readonly HostTensor[];
  readonly build: (...operands: Tensor[]) => Tensor;
}

function operationCase(op: Op, { operands, build }: Case): OperationCase {
  const inputs = operands.map(({ shape, dtype }, i) => input(`operand${i}`, shape, dtype));
  const result = build(...inputs);
  const graph = createGraph({ result: result.dtype === "bool" ? cast(result, "int32") : result });
  const feeds = Object.fromEntries(operands.map((value, i) => [`operand${i}`, value]));
  return { op, title: titleOf(op, graph), graph, feeds };
}

function titleOf(op: string, graph: Graph): string {
  const node = graph.nodes.find((candidate) => candidate.op === op);
  if (!node) throw new Error(`a case of ${op} does not contain it`);
  const types = [...node.inputs, node].map(({ shape, dtype }) => `${dtype}[${shape.join(", ")}]`);
  const attributes = op === "constant" ? "" : JSON.stringify(node.attributes);
  return `${op}(${types.slice(0, -1).join(", ")}) -> ${types.at(-1)} ${attributes}`;
}

type Draw = (...shape: number[]) => HostTensor;

const rng = createRng(1);
const floats = (...shape: number[]): FloatTensor =>
  floatTensor(
    shape,
    randoms(shape, () => rng.normal()),
  );
const positives = (...shape: number[]): HostTensor =>
  floatTensor(
    shape,
    randoms(shape, () => 0.1 + Math.abs(rng.normal())),
  );
const integers = (limit: number, ...shape: number[]): HostTensor =>
  intTensor(shape, Int32Array.from(randoms(shape, () => rng.integer(limit))));
const row = (...values: number[]): HostTensor => floatTensor([values.length], Float32Array.from(values));
const intRow = (...values: number[]): HostTensor => intTensor([values.length], Int32Array.from(values));

function randoms(shape: readonly number[], draw: () => number): Float32Array {
  return Float32Array.from({ length: sizeOf(shape) }, draw);
}

const on = (build: Case["build"], ...operands: HostTensor[]): Case => ({ operands, build });

const unary = (build: (x: Tensor) => Tensor, draw: Draw = floats, ...extremes: number[]): readonly Case[] => [
  on(build, draw()),
  on(build, draw(7)),
  on(build, draw(2, 3, 5)),
  ...(extremes.length > 0 ? [on(build, row(...extremes))] : []),
];

const binary = (build: (a: Tensor, b: Tensor) => Tensor, drawRight: Draw = floats): readonly Case[] => [
  on(build, floats(), drawRight()),
  on(build, floats(2, 3), drawRight(2, 3)),
  on(build, floats(2, 3), drawRight()),
  on(build, floats(), drawRight(4)),
  on(build, floats(3), drawRight(2, 1)),
  on(build, floats(2, 1, 3, 1), drawRight(4, 1, 5)),
  on(build, integers(9, 2, 3), intRow(-3, 2, 4)),
  on(build, intRow(-7, 7, 4, 4), intRow(2, -2, 4, 1)),
];

const comparison = (build: (a: Tensor, b: Tensor) => Tensor): readonly Case[] => [
  ...binary(build),
  on(build, row(0, 1, 2, -1), row(0, 2, 1, -1)),
];

const reduction = (
  build: (x: Tensor, axes?: readonly number[], options?: { keepAxes: boolean }) => Tensor,
): readonly Case[] => [
  on((x) => build(x), floats()),
  on((x) => build(x), floats(2, 3, 4)),
  on((x) => build(x, [0]), floats(2, 3, 4)),
  on((x) => build(x, [-1]), floats(2, 3, 4)),
  on((x) => build(x, [0, 2]), floats(2, 3, 4)),
  on((x) => build(x, [0, 2], { keepAxes: true }), floats(2, 3, 4)),
  on((x) => build(x, undefined, { keepAxes: true }), floats(2, 3)),
  on((x) => build(x, []), floats(2, 3)),
];

const alongLast = (build: (x: Tensor) => Tensor): readonly Case[] => [
  on(build, floats(1)),
  on(build, floats(6)),
  on(build, floats(2, 3, 4)),
  on(build, row(1000, -1000, 999)),
  on(build, filled([2, 3], 0)),
];

/** A matrix [5, 96] in blocks of 4 and 8 bits, without and with zero points, and its other operand. */
const blockCases = (
  build: (matrix: Blocks<Tensor>, ...others: Tensor[]) => Tensor,
  ...others: HostTensor[]
): readonly Case[] =>
  ([4, 8] as const).flatMap((bits) => {
    const { blocks, scales } = quantizeBlocks(floats(5, 96), { bits });
    const between = quantizeBlocks(floats(5, 96), { bits, zeroPoints: true });
    const zeroPoints = between.zeroPoints ?? between.blocks;
    return [
      on((b, s, ...x) => build({ blocks: b, scales: s }, ...x), blocks, scales, ...others),
      on(
        (b, s, z, ...x) => build({ blocks: b, scales: s, zeroPoints: z }, ...x),
        between.blocks,
        between.scales,
        zeroPoints,
        ...others,
      ),
    ];
  });

function constantBlocks({ blocks, scales }: Blocks<HostTensor>): Blocks<Tensor> {
  return { blocks: constant(blocks), scales: constant(scales) };
}

/** Several cases of every operation. Total: an operation without an entry does not compile. */
const cases: { readonly [K in Op]: readonly Case[] } = {
  input: [on((x) => x, floats()), on((x) => x, floats(2, 3)), on((x) => x, integers(9, 4))],
  constant: [
    on(() => constant(floats(2, 3))),
    on(() => constant(integers(9, 2, 3))),
    on(() => scalar(0.1)),
    on(() => iota(5)),
  ],

  neg: unary(neg),
  exp: unary(exp, floats, -200, -1, 0, 1, 20),
  log: unary(log, positives, 1e-30, 1, 1e30),
  sqrt: unary(sqrt, positives, 0, 1e-20, 1e20),
  sigmoid: unary(sigmoid, floats, -200, -1, 0, 1, 200),
  tanh: unary(tanh, floats, -200, -1, 0, 1, 200),
  elu: unary(elu, floats, -200, -1, 0, 1, 200),
  cast: [
    on((x) => cast(x, "int32"), row(-1.7, -0.5, 0.5, 1.7)),
    on((x) => cast(x, "bool"), row(-1, -0.5, 0, 0.5, 1)),
    on((x) => cast(x, "bool"), intRow(-1, 0, 1, 2)),
    on((x) => cast(x, "float32"), integers(100, 2, 3)),
    on((x) => cast(x, "float32"), fromFloat32(floats(2, 3), "float16")),
    on((x) => cast(x, "float32"), hostTensor("float16", [4], Uint16Array.of(1, 0x8000, 0x7c00, 0xfbff))),
    on((x) => cast(x, "float32"), fromFloat32(floats(2, 3), "bfloat16")),
    on((x) => cast(x, "float32"), hostTensor("bfloat16", [4], Uint16Array.of(0x3f80, 0x8000, 0x7f80, 0xff7f))),
    on((x) => cast(x, "float32"), hostTensor("uint8", [3], Uint8Array.of(0, 128, 255))),
    on((x) => cast(x, "int32"), hostTensor("uint8", [3], Uint8Array.of(0, 128, 255))),
    on((x) => cast(less(x, 0), "float32"), floats(2, 3)),
    on((x) => cast(less(x, 0), "int32"), floats(2, 3)),
  ],

  add: binary(add),
  sub: binary(sub),
  mul: [...binary(mul), on(square, floats(2, 3)), on(square, integers(5, 4))],
  div: binary(div, positives),
  min: [
    ...binary(min),
    on((x) => min(x, 0.5), floats(2, 3)),
    on((x) => min(0.5, x), floats(3)),
    on((x) => min(x, 1), floats()),
  ],
  max: [
    ...binary(max),
    on((x) => max(x, 0.5), floats(2, 3)),
    on((x) => max(0.5, x), floats(3)),
    on((x) => max(x, 1), floats()),
  ],
  equal: comparison(equal),
  less: comparison(less),
  where: [
    on((a, b) => where(less(a, b), a, b), floats(2, 3), floats(2, 3)),
    on((a, b) => where(less(a, 0), b, 2), floats(2, 1), floats(3)),
    on((a, b, c) => where(less(a, 0), b, c), floats(4, 1, 1), floats(2, 1), floats(3)),
    on((a, b) => where(less(a, b), a, b), integers(9, 5), integers(9, 5)),
    on((a, b) => where(cast(a, "bool"), b, -1), intRow(0, 1), floats(3, 2)),
    on((a) => where(less(a, 0), 0, a), floats()),
  ],

  sum: reduction(sum),
  mean: reduction(mean),
  cumulativeSum: [0, 1, 2].flatMap((axis) =>
    [false, true].flatMap((exclusive) =>
      [false, true].map((reverse) => on((x) => cumulativeSum(x, axis, { exclusive, reverse }), floats(2, 3, 4))),
    ),
  ),

  softmax: alongLast(softmax),
  logSoftmax: alongLast(logSoftmax),
  kthLargest: [
    on((x) => kthLargest(x, 1), floats(4)),
    on((x) => kthLargest(x, 3), floats(2, 5)),
    on((x) => kthLargest(x, 6), floats(2, 3, 6)),
  ],
  rotate: [
    on(rotate, floats(1, 2), floats(1, 1), floats(1, 1)),
    on(rotate, floats(3, 8), floats(3, 4), floats(3, 4)),
    on(rotate, floats(2, 5, 3, 4), floats(3, 2), floats(3, 2)),
    on(rotate, floats(2, 2, 3, 4, 64), floats(4, 32), floats(4, 32)),
    on(rotate, floats(2, 3, 1, 2, 4), floats(3, 1, 2, 2), floats(3, 1, 2, 2)),
    on(rotate, floats(2, 2, 4), floats(2, 1, 2), floats(2, 2)),
    on((x, cos, sin) => rotate(transpose(x, [1, 0, 2]), cos, sin), floats(3, 2, 10), floats(3, 5), floats(3, 5)),
    // Tables for each lane, which its heads share, and one for each head.
    on(rotate, floats(2, 3, 4, 5, 10), floats(2, 1, 1, 5, 5), floats(2, 1, 1, 5, 5)),
    on(rotate, floats(2, 3, 4, 5, 10), floats(2, 3, 1, 5, 5), floats(2, 3, 1, 5, 5)),
  ],

  matmul: [
    on(matmul, floats(1, 1), floats(1, 1)),
    on(matmul, floats(2, 3), floats(3, 4)),
    on(matmul, floats(1, 3), floats(3, 1)),
    on(matmul, floats(5, 2, 3), floats(5, 3, 4)),
    on(matmul, floats(2, 5, 2, 3), floats(3, 4)),
    on(matmul, floats(2, 3), floats(5, 3, 4)),
    on(matmul, floats(2, 1, 2, 3), floats(1, 5, 3, 4)),
    on(matmul, floats(4, 1, 2, 3), floats(5, 3, 2)),
    on((a, b) => matmul(a, matrixTranspose(b)), floats(2, 4, 3), floats(2, 5, 3)),
  ],

  transpose: [
    on((x) => transpose(x, []), floats()),
    on((x) => transpose(x, [0]), floats(3)),
    on((x) => transpose(x, [1, 0]), floats(2, 3)),
    on((x) => transpose(x, [2, 0, 1]), floats(2, 3, 4)),
    on((x) => transpose(x, [0, 2, 1, 3]), floats(2, 3, 4, 5)),
    on((x) => transpose(x, [1, 0]), integers(9, 2, 3)),
    on((x) => transpose(less(x, 0), [1, 0]), floats(2, 3)),
  ],
  reshape: [
    on((x) => reshape(x, [3, 2]), floats(2, 3)),
    on((x) => reshape(x, [6]), floats(2, 3)),
    on((x) => reshape(x, [1, 6, 1]), integers(9, 2, 3)),
    on((x) => reshape(x, []), floats(1, 1)),
    on((x) => reshape(x, [1]), floats()),
  ],
  broadcastTo: [
    on((x) => broadcastTo(x, [2, 3]), floats()),
    on((x) => broadcastTo(x, [2, 3]), floats(3)),
    on((x) => broadcastTo(x, [4, 2, 3]), floats(2, 1)),
    on((x) => broadcastTo(x, [2, 3]), integers(9, 2, 1)),
    on((x) => broadcastTo(less(x, 0), [2, 3]), floats(3)),
  ],
  concat: [
    on((a, b) => concat([a, b], 0), floats(2), floats(3)),
    on((a, b, c) => concat([a, b, c], 1), floats(2, 1, 3), floats(2, 4, 3), floats(2, 2, 3)),
    on((a, b) => concat([a, b, a], -1), floats(2, 3), floats(2, 1)),
    on((a, b) => concat([a, b], 0), integers(9, 2), integers(9, 3)),
  ],
  slice: [
    on((x) => slice(x, 0, 1, 3), floats(5)),
    on((x) => slice(x, 1, 0, 2), floats(2, 3, 4)),
    on((x) => slice(x, -1, 3, 4), floats(2, 3, 4)),
    on((x) => slice(x, 0, 1, 2), integers(9, 2, 3)),
  ],
  pad: [
    on((x) => pad(x, 0, 1, 2), floats(3)),
    on((x) => pad(x, 1, 0, 2), floats(2, 3, 4)),
    on((x) => pad(x, -1, 3, 0), floats(2, 3, 4)),
  ],

  gather: [
    on(gather, floats(5, 3), intRow(4, 0, 0, 2)),
    on(gather, floats(5, 3), integers(5, 2, 4)),
    on(gather, floats(5, 2, 3), integers(5, 2)),
    on(gather, floats(5, 3), integers(5)),
    on(gather, floats(5), integers(5, 3)),
    on(gather, integers(9, 5, 2), integers(5, 3)),
    ...(["float16", "bfloat16"] as const).map((dtype) =>
      on((table, i) => cast(gather(table, i), "float32"), fromFloat32(floats(5, 3), dtype), integers(5, 2)),
    ),
  ],
  scatterAdd: [
    on((x, i) => scatterAdd(x, i, 5), floats(4, 3), intRow(4, 0, 0, 2)),
    on((x, i) => scatterAdd(x, i, 3), floats(2, 4, 3), intTensor([2, 4], Int32Array.of(1, 1, 1, 2, 2, 1, 1, 1))),
    on((x, i) => scatterAdd(x, i, 4), floats(3, 2, 5), integers(4, 3)),
    on((x, i) => scatterAdd(x, i, 4), floats(6), integers(4, 6)),
    on((x, i) => scatterAdd(x, i, 4), floats(3), integers(4)),
    on((x, i) => scatterAdd(x, i, 6), floats(400, 2), integers(6, 400)),
  ],

  dequantizeBlocks: blockCases((matrix) => dequantizeBlocks(matrix)),
  matmulBlocks: [
    ...blockCases((matrix, x) => matmulBlocks(x, matrix), floats(1, 96)),
    ...blockCases((matrix, x) => matmulBlocks(x, matrix), floats(2, 3, 96)),
    on((x) => matmulBlocks(x, constantBlocks(quantizeBlocks(floats(5, 96), { bits: 4 }))), floats(2, 3, 96)),
    on((x) => matmulBlocks(x, constantBlocks(quantizeBlocks(floats(5, 96), { bits: 8 }))), floats(1, 96)),
  ],
  gatherBlocks: [
    ...blockCases((matrix, indices) => gatherBlocks(matrix, indices), intRow(4, 0, 0, 2)),
    ...blockCases((matrix, indices) => gatherBlocks(matrix, indices), integers(5, 2, 3)),
  ],

  stopGradient: [on(stopGradient, floats(2, 3)), on((x) => add(x, stopGradient(x)), floats(3))],
  eluPlusOne: unary(eluPlusOne, floats, -200, -1, 0, 1, 200),
  silu: unary(silu, floats, -200, -1, 0, 1, 200),
  rmsNorm: [
    on((x, scale) => rmsNorm(x, scale, 1e-6), floats(4), floats(4)),
    on((x, scale) => rmsNorm(x, scale, 0.1), floats(2, 3, 4), floats(4)),
    on((x, scale) => rmsNorm(x, scale, 1e-6), zeros([2, 4]), floats(4)),
  ],
  l2Normalize: [
    on((x) => l2Normalize(x), floats(4)),
    on((x) => l2Normalize(x, 0.1), floats(2, 3, 4)),
    on((x) => l2Normalize(x), zeros([2, 4])),
  ],
  softmaxMatmul: [
    on(softmaxMatmul, floats(2, 3), floats(3, 4)),
    on(softmaxMatmul, floats(2, 3, 4, 5), floats(2, 1, 5, 6)),
    on(softmaxMatmul, floats(2, 3, 4), floats(4, 2)),
  ],
  crossEntropy: [
    on(crossEntropy, floats(4), integers(4)),
    on(crossEntropy, floats(5, 4), integers(4, 5)),
    on(crossEntropy, floats(2, 3, 7), integers(7, 2, 3)),
    on(crossEntropy, row(1000, -1000, 999), integers(3)),
  ],
  linearCrossEntropy: [
    on((x, w, t) => linearCrossEntropy(x, w, t), floats(3), floats(4, 3), integers(4)),
    on((x, w, t) => linearCrossEntropy(x, w, t), floats(2, 3, 5), floats(7, 5), integers(7, 2, 3)),
    on((x, w, t) => linearCrossEntropy(x, w, t, 2), floats(5, 3), floats(4, 3), integers(4, 5)),
  ],
  unitLowerInverse: [
    ...[1, 2, 3, 4, 7, 16].map((size) => on(unitLowerInverse, floats(size, size))),
    on(unitLowerInverse, floats(2, 3, 5, 5)),
  ],
};
