import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { expectClose } from "../../engine/engine.suite.ts";
import { evaluate } from "../../engine/reference/reference.ts";
import {
  add,
  broadcastTo,
  concat,
  constant,
  cumulativeSum,
  div,
  eluPlusOne,
  exp,
  iota,
  input,
  l2Normalize,
  less,
  logSoftmax,
  matmul,
  max,
  mean,
  min,
  mul,
  neg,
  pad,
  reshape,
  rmsNorm,
  scalar,
  sigmoid,
  silu,
  slice,
  softmax,
  sub,
  sum,
  tanh,
  transpose,
  unitLowerInverse,
  where,
} from "../builder.ts";
import { expectOrdered } from "../fixtures.ts";
import { createGraph, type Graph } from "../graph.ts";
import { hostTensor, floatTensor, intTensor } from "../../tensor/host-tensor.ts";
import { lowerings } from "./lower.ts";
import { PRIMITIVE } from "../target.ts";
import { joinReshapes, lower, optimize, shareEqualNodes, withConstants } from "./optimize.ts";
import { type Tensor } from "../tensor.ts";

const x = input("x", [3]);
const y = input("y", [3]);

describe("withConstants", () => {
  it("replaces an input by a value, and leaves the others", () => {
    const value = floatTensor([3], Float32Array.of(1, 2, 3));
    const graph = withConstants(createGraph({ z: mul(x, add(x, y)) }), new Map([["x", value]]));
    expect(Object.keys(graph.inputs)).toEqual(["y"]);
    expect(evaluate(graph, { y: { shape: [3], data: [10, 20, 30] } })["z"]?.data).toEqual(Float64Array.of(11, 44, 99));
  });
});

describe("joinReshapes", () => {
  const grid = input("grid", [2, 1, 3]);

  it.each<[string, Tensor, Tensor]>([
    ["reshapes in a row", reshape(reshape(reshape(grid, [6]), [3, 2]), [1, 6]), reshape(grid, [1, 6])],
    ["those that return to the original shape", neg(reshape(reshape(grid, [6]), [2, 1, 3])), neg(grid)],
    ["transpositions that move axes of size 1 alone", transpose(grid, [1, 0, 2]), reshape(grid, [1, 2, 3])],
    ["both in a row", reshape(transpose(grid, [0, 2, 1]), [6]), reshape(grid, [6])],
  ])("joins %s", (_, z, expected) => {
    expect(joinReshapes(createGraph({ z })).outputs["z"]).toEqual(expected);
  });

  it("leaves transpositions that change the order of elements", () => {
    const graph = createGraph({ z: reshape(transpose(grid, [2, 1, 0]), [6]) });
    expect(joinReshapes(graph).nodes).toEqual(graph.nodes);
  });
});

describe("shareEqualNodes", () => {
  const big = (): Tensor => constant(floatTensor([70_000], new Float32Array(70_000)));
  const row = (...values: number[]): Tensor => constant(floatTensor([values.length], Float32Array.from(values)));

  it.each<[string, Tensor, Tensor]>([
    ["operations on the same operands", add(x, y), add(x, y)],
    ["chains of equal operations", neg(exp(add(x, 1))), neg(exp(add(x, 1)))],
    ["equal constants", row(1, 2), row(1, 2)],
    ["equal numbers", add(x, 0.1), add(x, 0.1)],
    ["equal attributes", slice(x, 0, 1, 2), slice(x, -1, 1, 2)],
    ["composites with equal attributes", l2Normalize(x, 0.1), l2Normalize(x, 0.1)],
  ])("merges %s", (_, first, second) => {
    expect(first).not.toBe(second);
    const { outputs, nodes } = shareEqualNodes(createGraph({ first, second }));
    expect(outputs["first"]).toBe(outputs["second"]);
    expect(nodes).toHaveLength(createGraph({ first }).nodes.length);
  });

  it.each<[string, Tensor, Tensor]>([
    ["other operands", neg(x), neg(y)],
    ["another order of operands", sub(x, y), sub(y, x)],
    ["another operation", add(x, y), mul(x, y)],
    ["other attributes", slice(x, 0, 0, 2), slice(x, 0, 1, 3)],
    ["another epsilon", l2Normalize(x, 1e-6), l2Normalize(x, 1e-7)],
    ["another direction", cumulativeSum(x, 0), cumulativeSum(x, 0, { reverse: true })],
    ["another shape", reshape(x, [3, 1]), reshape(x, [1, 3])],
    ["other elements", row(1, 2), row(1, 3)],
    ["elements that differ in the last bit", row(1), row(1 + 2 ** -23)],
    ["zeros of the other sign", row(0), row(-0)],
    ["constants of another shape", row(1, 2), constant(floatTensor([2, 1], Float32Array.of(1, 2)))],
    ["constants of another type", row(1, 2), constant(intTensor([2], Int32Array.of(1, 2)))],
    ["zeros of another type", row(0, 0), constant(intTensor([2], Int32Array.of(0, 0)))],
    ["other inputs", x, y],
    ["inputs of another dtype", input("a", [1]), input("b", [1], "int32")],
  ])("keeps apart %s", (_, first, second) => {
    const { outputs } = shareEqualNodes(createGraph({ first, second }));
    expect(outputs["first"]).not.toBe(outputs["second"]);
    expect(outputs["first"]).toEqual(first);
    expect(outputs["second"]).toEqual(second);
  });

  it("compares 8 and 16 bits as well, and looks at each tensor once", () => {
    const bytes = (...values: number[]): Tensor => constant(hostTensor("uint8", [3], Uint8Array.from(values)));
    const halves = (...values: number[]): Tensor => constant(hostTensor("float16", [3], Uint16Array.from(values)));
    const outputs = { a: bytes(1, 2, 3), b: bytes(1, 2, 3), c: bytes(1, 2, 4), d: halves(1, 2, 3), e: halves(1, 2, 3) };
    const shared = shareEqualNodes(createGraph(outputs)).outputs;
    expect(new Set(Object.values(shared)).size).toBe(3);
    expect([shared["b"], shared["e"]]).toEqual([shared["a"], shared["d"]]);
  });

  it("compares large constants by identity", () => {
    const { value } = big().attributes as { value: ReturnType<typeof floatTensor> };
    const [first, second, other] = [constant(value), constant(value), big()];
    const { outputs } = shareEqualNodes(createGraph({ first, second, other }));
    expect(outputs["first"]).toBe(outputs["second"]);
    expect(outputs["other"]).not.toBe(outputs["first"]);
  });

  it("does not change a graph without repetition", () => {
    const graph = createGraph({ z: sum(mul(exp(x), y)) });
    expect(shareEqualNodes(graph).nodes).toEqual(graph.nodes);
    expect(shareEqualNodes(graph).outputs["z"]).toBe(graph.outputs["z"]);
  });
});

describe("optimize", () => {
  it("drops no output and keeps their names", () => {
    const graph = optimize(createGraph({ first: silu(x), second: silu(x), x, steps: iota(2) }));
    expect(Object.keys(graph.outputs)).toEqual(["first", "second", "x", "steps"]);
    expect(graph.outputs["x"]).toBe(x);
  });

  it("shares the parts that composites have in common", () => {
    const graph = optimize(createGraph({ a: l2Normalize(x), b: mul(l2Normalize(x), 2) }));
    expect(graph.nodes.filter((node) => node.op === "sqrt")).toHaveLength(1);
  });

  it("preserves the values of random graphs", () => {
    fc.assert(
      fc.property(randomGraph, feedData, ({ graph }, data) => {
        const feeds = { a: { shape: [3, 3], data: data.slice(0, 9) }, b: { shape: [3, 3], data: data.slice(9) } };
        const expected = evaluate(graph, feeds);
        const optimized = optimize(graph);
        for (const [name, value] of Object.entries(evaluate(optimized, feeds))) {
          expectClose(value, expected[name] ?? value, 1e-9);
        }
        expect(Object.keys(optimized.outputs)).toEqual(Object.keys(graph.outputs));
      }),
      { numRuns: 200 },
    );
  });

  it("leaves no composite and no two equal nodes in random graphs", () => {
    fc.assert(
      fc.property(randomGraph, ({ graph }) => {
        const optimized = optimize(graph);
        expect(optimized.nodes.filter((node) => node.op in lowerings)).toEqual([]);
        expect(optimized.nodes.length).toBeLessThanOrEqual(lower(graph, PRIMITIVE).nodes.length);
        expect(optimize(optimized).nodes).toEqual(optimized.nodes);
        expectOrdered(optimized.nodes);
      }),
      { numRuns: 50 },
    );
  });
});

// --- internal ---

type Step = (a: Tensor, b: Tensor) => Tensor;

/** Operations from two matrices [3, 3] to one, none of which turns small numbers into large ones. */
const steps: readonly Step[] = [
  add,
  sub,
  min,
  max,
  neg,
  sigmoid,
  tanh,
  silu,
  eluPlusOne,
  softmax,
  logSoftmax,
  (a, b) => mul(tanh(a), b),
  (a, b) => div(a, eluPlusOne(max(b, -1))),
  (a, b) => matmul(tanh(a), tanh(b)),
  (a, b) => where(less(a, b), a, b),
  (a) => l2Normalize(a, 1 / 64),
  (a, b) => rmsNorm(a, reshape(slice(b, 0, 1, 2), [3]), 1 / 64),
  (a) => unitLowerInverse(tanh(a)),
  (a) => transpose(a, [1, 0]),
  (a) => reshape(transpose(reshape(a, [3, 1, 3]), [1, 0, 2]), [3, 3]), // moves an axis of size 1 alone
  (a) => reshape(transpose(reshape(reshape(a, [9]), [1, 3, 3]), [2, 0, 1]), [3, 3]),
  (a) => cumulativeSum(tanh(a), 0, { exclusive: true }),
  (a, b) => concat([slice(a, 0, 1, 3), slice(b, 0, 0, 1)], 0),
  (a) => pad(slice(a, 1, 0, 2), 1, 1, 0),
  (a) => broadcastTo(mean(a, [1], { keepAxes: true }), [3, 3]),
  (a) => add(a, broadcastTo(sum(tanh(a)), [3, 3])),
  (a) => add(a, 0.5),
  () => broadcastTo(scalar(0.5), [3, 3]),
];

interface RandomGraph {
  readonly graph: Graph;
  /** Printed when a property fails. */
  readonly operations: string;
}

const feedData = fc.array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: 18, maxLength: 18 });

const randomGraph: fc.Arbitrary<RandomGraph> = fc
  .array(fc.tuple(fc.nat(steps.length - 1), fc.nat(), fc.nat()), { minLength: 1, maxLength: 14 })
  .map((choices) => {
    const pool: Tensor[] = [input("a", [3, 3]), input("b", [3, 3])];
    const pick = (index: number): Tensor => pool[index % pool.length] ?? x;
    for (const [step, first, second] of choices) pool.push((steps[step] ?? add)(pick(first), pick(second)));
    const outputs = { last: pick(pool.length - 1), middle: pick(pool.length >> 1), total: sum(pick(pool.length - 2)) };
    const graph = createGraph(outputs);
    return { graph, operations: graph.nodes.map((node) => node.op).join(" ") };
  });
