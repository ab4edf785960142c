import { describe, expect, it } from "vitest";
import { expectClose } from "../engine/engine.suite.ts";
import { evaluate, type Float64Tensor } from "../engine/reference/reference.ts";
import {
  add,
  broadcastTo,
  cast,
  concat,
  constant,
  crossEntropy,
  cumulativeSum,
  div,
  elu,
  eluPlusOne,
  equal,
  exp,
  gather,
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
  scalar,
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
} from "../graph/builder.ts";
import { createGraph } from "../graph/graph.ts";
import { floatTensor, sizeOf, type Shape } from "../tensor/host-tensor.ts";
import type { Op } from "../graph/ops.ts";
import { apply, isOp, type Tensor } from "../graph/tensor.ts";
import { createRng } from "../base/random.ts";
import { gradients } from "./gradients.ts";
import { quantizeBlocks } from "../tensor/blocks.ts";
import { gradientRules, sumTo } from "./rules.ts";

interface Operand extends Float64Tensor {
  readonly dtype: "float32" | "int32";
}

interface Case {
  readonly operands: readonly Operand[];
  readonly build: (...operands: Tensor[]) => Tensor;
}

const rng = createRng(7);
const random = (shape: Shape, draw: () => number): Float64Array => Float64Array.from({ length: sizeOf(shape) }, draw);
const floats = (...shape: number[]): Operand => ({ dtype: "float32", shape, data: random(shape, rng.normal) });
const positives = (...shape: number[]): Operand => ({
  dtype: "float32",
  shape,
  data: random(shape, () => 0.3 + Math.abs(rng.normal())),
});
const integers = (limit: number, ...shape: number[]): Operand => ({
  dtype: "int32",
  shape,
  data: random(shape, () => rng.integer(limit)),
});

const on = (build: Case["build"], ...operands: Operand[]): Case => ({ operands, build });
const unary = (build: (x: Tensor) => Tensor, draw = floats): Case[] => [on(build, draw()), on(build, draw(2, 3))];
const binary = (build: (a: Tensor, b: Tensor) => Tensor, drawRight = floats): Case[] => [
  on(build, floats(2, 3), drawRight(2, 3)),
  on(build, floats(2, 3), drawRight()),
  on(build, floats(), drawRight(4)),
  on(build, floats(3), drawRight(2, 1)),
  on(build, floats(2, 1, 3, 1), drawRight(4, 1, 2)),
  on((a) => build(a, add(mul(a, a), 1)), floats(3)),
];
const alongLast = (build: (x: Tensor) => Tensor): Case[] => [
  on(build, floats(1)),
  on(build, floats(5)),
  on(build, floats(2, 3, 4)),
];
const reduction = (build: typeof sum): Case[] => [
  on((x) => build(x), floats()),
  on((x) => build(x), floats(2, 3)),
  on((x) => build(x, [1]), floats(2, 3, 4)),
  on((x) => build(x, [0, 2]), floats(2, 3, 4)),
  on((x) => build(x, [0, -1], { keepAxes: true }), floats(2, 3, 4)),
  on((x) => build(x, []), floats(2, 3)),
];

const TWO = cast(scalar(2), "int32");
const NOT_DIFFERENTIABLE = null;

/** Several cases of every operation. Total: an operation without an entry does not compile. */
const cases: { readonly [K in Op]: readonly Case[] | typeof NOT_DIFFERENTIABLE } = {
  input: NOT_DIFFERENTIABLE,
  constant: NOT_DIFFERENTIABLE,
  equal: NOT_DIFFERENTIABLE,
  less: NOT_DIFFERENTIABLE,
  kthLargest: NOT_DIFFERENTIABLE,
  stopGradient: NOT_DIFFERENTIABLE,
  dequantizeBlocks: NOT_DIFFERENTIABLE,
  gatherBlocks: NOT_DIFFERENTIABLE,

  neg: unary(neg),
  exp: unary(exp),
  log: unary(log, positives),
  sqrt: unary(sqrt, positives),
  sigmoid: unary(sigmoid),
  tanh: unary(tanh),
  elu: unary(elu),
  cast: [on((x) => apply("cast", [x], { to: "float32" }), floats(2, 3))],

  add: binary(add),
  sub: binary(sub),
  mul: binary(mul),
  div: binary(div, positives),
  min: binary(min),
  max: binary(max),
  where: [
    on((a, b) => where(less(a, b), a, b), floats(2, 3), floats(2, 3)),
    on((a, b) => where(less(iota(3), TWO), a, b), floats(2, 3), floats(2, 1)),
    on((a, b, c) => where(less(a, 0), b, c), floats(4, 1, 1), floats(2, 1), floats(3)),
    on((a) => where(less(a, 0), 1, a), floats()),
  ],

  sum: reduction(sum),
  mean: reduction(mean),
  cumulativeSum: [0, 1, 2].flatMap((axis) =>
    [false, true].flatMap((exclusive) =>
      [false, true].map((reverse) => on((x) => cumulativeSum(x, axis, { exclusive, reverse }), floats(2, 3, 2))),
    ),
  ),

  softmax: alongLast(softmax),
  logSoftmax: alongLast(logSoftmax),
  rotate: [
    on(rotate, floats(3, 2), floats(3, 1), floats(3, 1)),
    on(rotate, floats(2, 2, 3, 4), floats(3, 2), floats(3, 2)),
    on(rotate, floats(2, 3, 4), floats(2, 1, 2), floats(3, 2)),
  ],

  matmul: [
    on(matmul, floats(2, 3), floats(3, 4)),
    on(matmul, floats(1, 3), floats(3, 1)),
    on(matmul, floats(2, 2, 3), floats(3, 4)),
    on(matmul, floats(2, 2, 1, 3), floats(3, 2)),
    on(matmul, floats(2, 2, 3), floats(2, 3, 2)),
    on(matmul, floats(2, 3), floats(4, 3, 2)),
    on(matmul, floats(1, 2, 3), floats(4, 3, 2)),
    on(matmul, floats(2, 1, 2, 3), floats(1, 3, 3, 2)),
    on(matmul, floats(3, 1, 2, 2), floats(2, 2, 2)),
    on((x) => matmul(x, x), floats(3, 3)),
  ],

  transpose: [
    on((x) => transpose(x, []), floats()),
    on((x) => transpose(x, [1, 0]), floats(2, 3)),
    on((x) => transpose(x, [2, 0, 1]), floats(2, 3, 4)),
    on((x) => transpose(x, [3, 1, 0, 2]), floats(2, 3, 1, 2)),
  ],
  reshape: [on((x) => reshape(x, [3, 2]), floats(2, 3)), on((x) => reshape(x, []), floats(1, 1))],
  broadcastTo: [
    on((x) => broadcastTo(x, [2, 3]), floats()),
    on((x) => broadcastTo(x, [2, 3]), floats(3)),
    on((x) => broadcastTo(x, [3, 2, 3]), floats(2, 1)),
    on((x) => broadcastTo(x, [1, 1, 2]), floats(1, 2)),
  ],
  concat: [
    on((a, b) => concat([a, b], 0), floats(2), floats(3)),
    on((a, b, c) => concat([a, b, c], 1), floats(2, 1, 2), floats(2, 3, 2), floats(2, 2, 2)),
    on((a, b) => concat([a, b, a], -1), floats(2, 2), floats(2, 1)),
  ],
  slice: [
    on((x) => slice(x, 0, 1, 3), floats(5)),
    on((x) => slice(x, 1, 0, 2), floats(2, 3, 2)),
    on((x) => slice(x, -1, 3, 4), floats(2, 4)),
  ],
  pad: [
    on((x) => pad(x, 0, 1, 2), floats(3)),
    on((x) => pad(x, 1, 0, 2), floats(2, 3, 2)),
    on((x) => pad(x, -1, 3, 0), floats(2, 2)),
  ],

  gather: [
    on(gather, floats(5, 3), integers(5, 2, 4)),
    on(gather, floats(3, 2, 2), integers(3)),
    on(gather, floats(4), integers(4, 6)),
  ],
  scatterAdd: [
    on((x, i) => scatterAdd(x, i, 3), floats(5, 2), integers(3, 5)),
    on((x, i) => scatterAdd(x, i, 4), floats(2, 3, 2), integers(4, 2, 3)),
    on((x, i) => scatterAdd(x, i, 4), floats(2), integers(4)),
  ],

  matmulBlocks: ([4, 8] as const).flatMap((bits) =>
    [false, true].map((zeroPoints) => {
      const { blocks, scales, ...zeros } = quantizeBlocks(floatTensor([3, 32], Float32Array.from(floats(96).data)), {
        bits,
        zeroPoints,
      });
      const matrix = {
        blocks: constant(blocks),
        scales: constant(scales),
        ...(zeros.zeroPoints && { zeroPoints: constant(zeros.zeroPoints) }),
      };
      return on((x) => matmulBlocks(x, matrix), floats(2, 2, 32));
    }),
  ),

  eluPlusOne: unary(eluPlusOne),
  silu: unary(silu),
  rmsNorm: [
    on((x, scale) => rmsNorm(x, scale, 0.1), floats(4), floats(4)),
    on((x, scale) => rmsNorm(x, scale, 1e-6), floats(2, 3, 4), floats(4)),
    on((x) => rmsNorm(x, x, 1e-6), floats(4)),
  ],
  l2Normalize: alongLast((x) => l2Normalize(x, 0.1)),
  softmaxMatmul: [
    on(softmaxMatmul, floats(2, 3), floats(3, 4)),
    on(softmaxMatmul, floats(2, 3, 2, 3), floats(3, 3, 2)),
    on(softmaxMatmul, floats(2, 3), floats(2, 3, 2)),
    on(softmaxMatmul, floats(2, 2, 3), floats(3, 2)),
  ],
  crossEntropy: [
    on(crossEntropy, floats(4), integers(4)),
    on(crossEntropy, floats(5, 4), integers(4, 5)),
    on(crossEntropy, floats(2, 3, 2), integers(2, 2, 3)),
  ],
  linearCrossEntropy: [
    on((x, w, t) => linearCrossEntropy(x, w, t), floats(3), floats(4, 3), integers(4)),
    on((x, w, t) => linearCrossEntropy(x, w, t), floats(5, 3), floats(4, 3), integers(4, 5)),
    on((x, w, t) => linearCrossEntropy(x, w, t, 2), floats(2, 3, 2), floats(4, 2), integers(4, 2, 3)),
    on((w, i, t) => linearCrossEntropy(gather(w, i), w, t, 2), floats(4, 2), integers(4, 3), integers(4, 3)),
  ],
  unitLowerInverse: [
    ...[1, 2, 3, 5].map((size) => on(unitLowerInverse, floats(size, size))),
    on(unitLowerInverse, floats(2, 1, 3, 3)),
  ],
};

const differentiable = Object.entries(cases).flatMap(([op, list]) => (list ?? []).map((one) => ({ op, ...one })));
const notDifferentiable = Object.entries(cases).flatMap(([op, list]) => (list ? [] : [op as Op]));

describe("gradient rules", () => {
  it.each(differentiable)("gradient of $op, case %$", ({ op, operands, build }) => {
    const { loss, targets, feeds } = linearFunctional(operands, build);
    expect(createGraph({ loss }).nodes.map((node) => node.op)).toContain(op);
    expectGradients(loss, targets, feeds);
  });

  it.each(differentiable)("gradient of the gradient of $op, case %$", ({ operands, build }) => {
    const { loss, targets, feeds } = linearFunctional(operands, build);
    const directions = targets.map(({ shape }, i) => input(`direction${i}`, shape));
    const slopes = gradients(loss, targets).map((gradient, i) => sum(mul(gradient, directions[i] ?? 0)));
    const drawn = directions.map((node) => [node.attributes.name, floats(...node.shape)] as const);
    expectGradients(slopes.reduce(add), targets, { ...feeds, ...Object.fromEntries(drawn) });
  });

  it.each(notDifferentiable)("%s has no gradient", (op) => {
    expect(gradientRules[op]).toBeNull();
  });

  it.each([
    ["less", (x: Tensor) => cast(less(x, 0), "float32")],
    ["equal", (x: Tensor) => cast(equal(x, 0), "float32")],
    ["stopGradient", stopGradient],
    ["an int", (x: Tensor) => cast(cast(x, "int32"), "float32")],
  ])("nothing flows back through %s", (_, build) => {
    const x = input("x", [2]);
    const [gradient] = gradients(sum(add(build(x), mul(x, 3))), [x]);
    expectValue(gradient, { x: { shape: [2], data: Float64Array.of(1, -1) } }, [3, 3]);
  });

  it("sends the gradient of min and max to the second operand where both are equal", () => {
    const [a, b] = [input("a", []), input("b", [])];
    const feeds = { a: { shape: [], data: Float64Array.of(2) }, b: { shape: [], data: Float64Array.of(2) } };
    for (const build of [min, max]) {
      const [da, db] = gradients(build(a, b), [a, b]);
      expectValue(da, feeds, [0]);
      expectValue(db, feeds, [1]);
    }
  });

  it("gives ELU + 1 a slope of one at zero", () => {
    const x = input("x", []);
    expectValue(gradients(eluPlusOne(x), [x])[0], { x: { shape: [], data: Float64Array.of(0) } }, [1]);
  });
});

describe("sumTo", () => {
  it.each([
    [
      [2, 3],
      [2, 3],
      [1, 2, 3, 4, 5, 6],
    ],
    [[2, 3], [3], [5, 7, 9]],
    [
      [2, 3],
      [2, 1],
      [6, 15],
    ],
    [[2, 3], [1, 1], [21]],
    [[2, 3], [], [21]],
    [[1, 6], [6], [1, 2, 3, 4, 5, 6]],
    [
      [2, 1, 3],
      [1, 3],
      [5, 7, 9],
    ],
  ])("sums [%s] to [%s]", (from, to, expected) => {
    const feeds = { x: { shape: from, data: Float64Array.of(1, 2, 3, 4, 5, 6) } };
    const result = sumTo(input("x", from), to);
    expect(result.shape).toEqual(to);
    expectValue(result, feeds, expected);
  });
});

// --- internal ---

type Feeds = Readonly<Record<string, Float64Tensor>>;

/** A random weighted sum of what `build` returns for some inputs, and these inputs with values. */
function linearFunctional(
  operands: readonly Operand[],
  build: Case["build"],
): { loss: Tensor; targets: Tensor<"input">[]; feeds: Feeds } {
  const inputs = operands.map(({ shape, dtype }, i) => input(`operand${i}`, shape, dtype));
  const y = build(...inputs);
  const named = operands.map((value, i) => [`operand${i}`, value] as const);
  return {
    loss: sum(mul(y, input("weights", y.shape))),
    targets: inputs.filter(({ dtype }) => dtype === "float32"),
    feeds: { ...Object.fromEntries(named), weights: floats(...y.shape) },
  };
}

function expectGradients(loss: Tensor, targets: readonly Tensor<"input">[], feeds: Feeds): void {
  const names = targets.map(({ attributes: { name } }) => name);
  const found = gradients(loss, targets);
  const results = evaluate(createGraph(Object.fromEntries(found.map((node, i) => [`d ${names[i]}`, node]))), feeds);
  for (const name of names) expectClose(results[`d ${name}`], centralDifferences(loss, feeds, name), 1e-6);
}

/** (f(x + h) - f(x - h)) / 2h for each element x of one feed. */
function centralDifferences(loss: Tensor, feeds: Feeds, name: string): Float64Tensor {
  const step = 1e-5;
  const graph = createGraph({ loss });
  const feed = feeds[name] ?? { shape: [], data: new Float64Array() };
  const lossAt = (data: Float64Array): number =>
    evaluate(graph, { ...feeds, [name]: { ...feed, data } })["loss"]?.data[0] ?? NaN;
  const slopes = feed.data.map((x, i) => {
    const [above, below] = [feed.data.with(i, x + step), feed.data.with(i, x - step)];
    return (lossAt(above) - lossAt(below)) / (2 * step);
  });
  return { shape: feed.shape, data: slopes };
}

function expectValue(tensor: Tensor | undefined, feeds: Feeds, expected: readonly number[]): void {
  if (!tensor) throw new Error("there is no tensor");
  const outputs = isOp(tensor, "input") ? { [tensor.attributes.name]: tensor } : { result: tensor };
  const [result] = Object.values(evaluate(createGraph(outputs), feeds));
  expect([...(result?.data ?? [])]).toEqual(expected);
}
