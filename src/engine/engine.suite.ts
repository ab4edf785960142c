import { beforeAll, describe, expect, it } from "vitest";
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
  kthLargest,
  l2Normalize,
  less,
  log,
  logSoftmax,
  matmul,
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
import { createGraph, type Graph } from "../graph/graph.ts";
import {
  filled,
  floatTensor,
  ELEMENT_BYTES,
  hostTensor,
  intTensor,
  sizeOf,
  tensorOver,
  zeros,
  type FloatTensor,
  type HostTensor,
} from "../tensor/host-tensor.ts";
import { fromFloat32 } from "../tensor/number-types.ts";
import type { Op } from "../graph/ops.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Flat } from "../tensor/tree.ts";
import { createRng } from "../base/random.ts";
import { FeedError, type Engine } from "./engine.ts";
import { evaluate, type NumericTensor } from "./reference/reference.ts";

export interface SuiteOptions {
  /** Why the suite cannot run here. It is then listed as one skipped test. */
  readonly skip?: string | undefined;
  /** Largest difference, relative to one plus the size of the expected value. Default 1e-5. */
  readonly tolerance?: number;
}

/** What every engine must do: each operation as the reference computes it, and the contract of `run`. */
export function engineSuite(
  name: string,
  createEngine: () => Engine | Promise<Engine>,
  { skip, tolerance = 1e-5 }: SuiteOptions = {},
): void {
  if (skip !== undefined) return it.skip(`engine ${name}: ${skip}`, () => {});
  describe(`engine ${name}`, () => {
    let engine: Engine;
    beforeAll(async () => {
      engine = await createEngine();
    });
    const run: Run = async (graph, feeds, into) => {
      const program = await engine.compile(graph);
      try {
        return await program.run(feeds, into);
      } finally {
        await program.dispose();
      }
    };
    it("names its device", () => expect(engine.device).toBe(name));
    describe("operations", () => operationTests(run, tolerance));
    describe("given tensors", () => intoTests(run));
    describe("outputs", () => outputTests(run));
    describe("names", () => nameTests(run));
    describe("feeds", () => feedTests(run));
    describe("programs", () => programTests(() => engine));
  });
}

/** Fails unless the elements are equal up to `tolerance`, relative to one plus the expected size. */
export function expectClose(actual: NumericTensor | undefined, expected: NumericTensor, tolerance: number): void {
  expect(actual?.shape).toEqual(expected.shape);
  expect(actual?.data.length).toBe(expected.data.length);
  const wrong = Array.from(expected.data).flatMap((wanted, i) => {
    const got = actual?.data[i] ?? NaN;
    const near = Object.is(got, wanted) || Math.abs(got - wanted) <= tolerance * (1 + Math.abs(wanted));
    return near ? [] : [`[${i}] is ${got}, expected ${wanted}`];
  });
  expect(wrong).toEqual([]);
}

// --- internal ---

type Run = (graph: Graph, feeds: Flat<HostTensor>, into?: Flat<HostTensor>) => Promise<Flat<HostTensor>>;

interface Case {
  readonly operands: readonly HostTensor[];
  readonly build: (...operands: Tensor[]) => Tensor;
}

function operationTests(run: Run, tolerance: number): void {
  for (const [op, cases] of Object.entries(operationCases)) {
    for (const { operands, build } of cases) {
      const inputs = operands.map(({ shape, dtype }, i) => input(`operand${i}`, shape, dtype));
      const result = build(...inputs);
      const graph = createGraph({ result: result.dtype === "bool" ? cast(result, "int32") : result });
      const feeds = Object.fromEntries(operands.map((value, i) => [`operand${i}`, value]));
      it(describeCase(op, graph), async () => {
        const { result: expected } = evaluate(graph, feeds);
        if (!expected) throw new Error("nothing to compare with");
        const { result: actual } = await run(graph, feeds);
        expectClose(actual, expected, tolerance);
        expect(actual?.dtype).toBe(graph.outputs["result"]?.dtype);
      });
    }
  }
}

function describeCase(op: string, graph: Graph): string {
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

/** Several of every operation. Total: an operation without an entry does not compile. */
const operationCases: { readonly [K in Op]: readonly Case[] } = {
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
  unitLowerInverse: [
    ...[1, 2, 3, 4, 7, 16].map((size) => on(unitLowerInverse, floats(size, size))),
    on(unitLowerInverse, floats(2, 3, 5, 5)),
  ],
};

const VECTOR = row(1, 2, 3);

const x = input("x", [3]);
const doubled = add(x, x);
const elements = (tensor: HostTensor | undefined): number[] => [...(tensor?.data ?? [])];

function intoTests(run: Run): void {
  it("writes into given tensors and returns their buffers", async () => {
    const into = { doubled: filled([3], -1), total: filled([], -1) };
    const results = await run(createGraph({ doubled, total: sum(x) }), { x: VECTOR }, into);
    expect(results["doubled"]?.data).toBe(into.doubled.data);
    expect(results["total"]?.data).toBe(into.total.data);
    expect(elements(into.doubled)).toEqual([2, 4, 6]);
    expect(elements(into.total)).toEqual([6]);
  });

  it("writes some outputs into given tensors and makes the others", async () => {
    const into = { doubled: filled([3], -1) };
    const results = await run(createGraph({ doubled, total: sum(x) }), { x: VECTOR }, into);
    expect(elements(into.doubled)).toEqual([2, 4, 6]);
    expect(elements(results["total"])).toEqual([6]);
  });

  it("writes int outputs into given tensors", async () => {
    const n = input("n", [2], "int32");
    const into = { sum: intTensor([2], Int32Array.of(0, 0)) };
    await run(createGraph({ sum: add(n, n) }), { n: intRow(3, -4) }, into);
    expect(elements(into.sum)).toEqual([6, -8]);
  });

  it.each(["float16", "bfloat16", "uint8"] as const)("takes and gives %s as it is", async (dtype) => {
    const bytes = Uint8Array.of(0, 0x3c, 1, 0, 0xff, 0x7b, 0, 0x80);
    const value = tensorOver(dtype, [bytes.length / ELEMENT_BYTES[dtype]], bytes.buffer);
    const given = input("given", value.shape, dtype);
    const { reshaped } = await run(createGraph({ reshaped: reshape(given, [...value.shape, 1]) }), { given: value });
    expect(reshaped).toEqual({ ...value, shape: [...value.shape, 1] });
  });

  it("refuses to write into a tensor of another shape", async () => {
    await expect(run(createGraph({ doubled }), { x: VECTOR }, { doubled: zeros([4]) })).rejects.toThrow();
  });

  it.each(["x", "y"])("copies an input to the output %s in a given tensor", async (name) => {
    const into = { [name]: zeros([3]) };
    await run(createGraph({ [name]: x }), { x: VECTOR }, into);
    expect(elements(into[name])).toEqual([1, 2, 3]);
  });
}

function outputTests(run: Run): void {
  it("refuses to let a bool out", async () => {
    await expect(run(createGraph({ negative: less(x, 0) }), { x: VECTOR })).rejects.toThrow(TypeError);
  });

  it.each(["x", "y"])("returns an input as the output %s", async (name) => {
    const results = await run(createGraph({ [name]: x, doubled }), { x: VECTOR });
    expect(results[name]?.data.buffer).not.toBe(VECTOR.data.buffer);
    expect(elements(results[name])).toEqual([1, 2, 3]);
    expect(elements(results["doubled"])).toEqual([2, 4, 6]);
  });

  it("returns a constant", async () => {
    const results = await run(createGraph({ pi: scalar(3), steps: iota(3) }), {});
    expect(elements(results["pi"])).toEqual([3]);
    expect(results["steps"]).toMatchObject({ dtype: "int32", shape: [3] });
    expect(elements(results["steps"])).toEqual([0, 1, 2]);
  });

  it("returns one node under two names, in separate buffers", async () => {
    const results = await run(createGraph({ first: doubled, second: doubled }), { x: VECTOR });
    expect(elements(results["first"])).toEqual([2, 4, 6]);
    expect(elements(results["second"])).toEqual([2, 4, 6]);
    expect(results["first"]?.data.buffer).not.toBe(results["second"]?.data.buffer);
  });

  it("returns equal computations under two names", async () => {
    const results = await run(createGraph({ first: exp(x), second: exp(x), third: mul(exp(x), 0) }), { x: VECTOR });
    expect(results["first"]?.data).toEqual(results["second"]?.data);
    expect(elements(results["third"])).toEqual([0, 0, 0]);
  });

  it("returns an output that other nodes use", async () => {
    const results = await run(createGraph({ doubled, squared: mul(doubled, doubled) }), { x: VECTOR });
    expect(elements(results["doubled"])).toEqual([2, 4, 6]);
    expect(elements(results["squared"])).toEqual([4, 16, 36]);
  });

  it("takes and returns scalars", async () => {
    const s = input("s", []);
    const results = await run(createGraph({ half: div(s, 2) }), { s: floatTensor([], Float32Array.of(5)) });
    expect(results["half"]).toMatchObject({ dtype: "float32", shape: [] });
    expect(elements(results["half"])).toEqual([2.5]);
  });
}

const NAMES = ["t0", "t1", "t2", "h0", "h1", "int64:0", "blocks.0.gate"];

function nameTests(run: Run): void {
  it.each(NAMES)("lets an input be named %s", async (name) => {
    const named = input(name, [3]);
    const updates = sum(add(reshape(named, [3, 1]), 1), [0]);
    const table = scatterAdd(updates, input("index", [1], "int32"), 2);
    const results = await run(createGraph({ table }), { [name]: VECTOR, index: intRow(1) });
    expect(elements(results["table"])).toEqual([0, 9]);
  });

  it.each(NAMES)("lets an output be named %s", async (name) => {
    const shifted = add(reshape(x, [3, 1]), 1);
    const table = scatterAdd(sum(shifted, [0]), input("index", [1], "int32"), 2);
    const results = await run(createGraph({ table, [name]: shifted }), { x: VECTOR, index: intRow(1) });
    expect(elements(results["table"])).toEqual([0, 9]);
    expect(elements(results[name])).toEqual([2, 3, 4]);
  });
}

function feedTests(run: Run): void {
  const graph = createGraph({ y: mul(input("x", [3]), cast(input("n", [3], "int32"), "float32")) });
  const n = intRow(1, 2, 3);

  it("refuses a missing feed", async () => {
    await expect(run(graph, { n })).rejects.toThrow(FeedError);
    await expect(run(graph, { n })).rejects.toThrow('input "x" is missing');
  });

  it("refuses a feed of another shape", async () => {
    for (const shape of [[4], [3, 1], []]) {
      const feeds = { x: zeros(shape), n };
      await expect(run(graph, feeds)).rejects.toThrow(FeedError);
      await expect(run(graph, feeds)).rejects.toThrow(`float32[3], got float32[${shape.join(", ")}]`);
    }
  });

  it("refuses a feed of another type", async () => {
    await expect(run(graph, { x: VECTOR, n: VECTOR })).rejects.toThrow(FeedError);
    await expect(run(graph, { x: n, n })).rejects.toThrow('"x" must be float32[3], got int32[3]');
  });

  it("leaves its feeds alone", async () => {
    const feeds = { x: row(1, 2, 3), n: intRow(4, 5, 6) };
    await run(graph, feeds);
    expect([...feeds.x.data, ...feeds.n.data]).toEqual([1, 2, 3, 4, 5, 6]);
  });
}

function programTests(engine: () => Engine): void {
  it("runs many times, each with results of its own", async () => {
    const program = await engine().compile(createGraph({ y: mul(input("x", [2]), 10) }));
    const first = await program.run({ x: row(1, 2) });
    const second = await program.run({ x: row(3, 4) });
    expect(elements(first["y"])).toEqual([10, 20]);
    expect(elements(second["y"])).toEqual([30, 40]);
    await program.dispose();
  });

  it("feeds results back through a pair of buffers", async () => {
    const program = await engine().compile(createGraph({ y: add(input("x", [2]), 1) }));
    let [front, back] = [row(0, 10), row(0, 0)];
    for (let step = 0; step < 3; step++) {
      await program.run({ x: front }, { y: back });
      [front, back] = [back, front];
    }
    expect(elements(front)).toEqual([3, 13]);
    await program.dispose();
  });

  it("keeps programs of one engine apart", async () => {
    const value = input("x", [1]);
    const plus = await engine().compile(createGraph({ y: add(value, 1) }));
    const minus = await engine().compile(createGraph({ y: sub(value, 1) }));
    const results = await Promise.all([plus.run({ x: row(5) }), minus.run({ x: row(5) })]);
    expect(results.map(({ y }) => y?.data[0])).toEqual([6, 4]);
    await Promise.all([plus.dispose(), minus.dispose()]);
  });
}
