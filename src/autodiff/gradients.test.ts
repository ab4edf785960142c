import { describe, expect, it } from "vitest";
import { evaluate } from "../engine/reference/reference.ts";
import {
  add,
  broadcastTo,
  cast,
  concat,
  input,
  less,
  matmul,
  mul,
  neg,
  pad,
  scalar,
  slice,
  square,
  sub,
  sum,
  tanh,
} from "../graph/builder.ts";
import { createGraph, topologicalOrder } from "../graph/graph.ts";
import type { Op } from "../graph/ops.ts";
import { GraphError, type Tensor } from "../graph/tensor.ts";
import { gradients, vectorJacobianProduct } from "./gradients.ts";

const x = input("x", [3]);
const X = [2, -3, 5];
const scaled = (factor: number): Tensor => broadcastTo(scalar(factor), [3]);

describe("gradients", () => {
  it("adds up over every use of a node", () => {
    const y = square(x);
    const loss = sum(add(mul(y, y), add(y, mul(x, y))));
    // x^4 + x^2 + x^3
    expect(at(X, gradients(loss, [x]))).toEqual([X.map((v) => 4 * v ** 3 + 2 * v + 3 * v ** 2)]);
  });

  it("gives zeros for a target that the loss does not depend on", () => {
    const [other, dx] = gradients(sum(x), [input("other", [2, 2]), x]);
    expect(other?.shape).toEqual([2, 2]);
    expect(at(X, [other, dx])).toEqual([
      [0, 0, 0, 0],
      [1, 1, 1],
    ]);
  });

  it("gives zeros for a target that only a condition depends on", () => {
    expect(at(X, gradients(sum(cast(less(x, 0), "float32")), [x]))).toEqual([[0, 0, 0]]);
  });

  it("reaches targets in the middle of the graph and the loss itself", () => {
    const middle = square(x);
    const loss = sum(mul(middle, 7));
    expect(at(X, gradients(loss, [middle, loss, x]))).toEqual([[7, 7, 7], [1], X.map((v) => 14 * v)]);
  });

  it("includes what flows through a target to the targets before it", () => {
    const middle = mul(x, 2);
    expect(at(X, gradients(sum(add(middle, x)), [x, middle]))).toEqual([
      [3, 3, 3],
      [1, 1, 1],
    ]);
  });

  it("gives the same gradient for a target named twice", () => {
    expect(at(X, gradients(sum(square(x)), [x, x]))).toEqual([X.map((v) => 2 * v), X.map((v) => 2 * v)]);
  });

  it("refuses a loss that is not a scalar", () => {
    expect(() => gradients(x, [x])).toThrow(GraphError);
    expect(() => gradients(input("matrix", [2, 1]), [x])).toThrow("the loss must be a scalar, got [2, 1]");
  });

  it("differentiates gradients", () => {
    const cubes = sum(mul(x, mul(x, x)));
    const [first = x] = gradients(cubes, [x]);
    const [second = x] = gradients(sum(first), [x]);
    const [third] = gradients(sum(second), [x]);
    expect(at(X, [first, second, third])).toEqual([X.map((v) => 3 * v * v), X.map((v) => 6 * v), [6, 6, 6]]);
  });

  it("crosses mixed second derivatives", () => {
    const [a, b] = [input("a", []), input("b", [])];
    const [da = a] = gradients(mul(square(a), mul(b, square(b))), [a]); // 2 a b^3
    const graph = createGraph({ dadb: gradients(da, [b])[0] ?? a });
    const feeds = { a: { shape: [], data: [3] }, b: { shape: [], data: [2] } };
    expect([...(evaluate(graph, feeds)["dadb"]?.data ?? [])]).toEqual([2 * 3 * 3 * 4]);
  });

  it("follows a chain of thousands of nodes", () => {
    let y: Tensor = x;
    for (let i = 0; i < 5000; i++) y = add(y, x);
    expect(at(X, gradients(sum(y), [x]))).toEqual([[5001, 5001, 5001]]);
  });

  it.each([[() => add(sum(x), sum(square(x)))], [() => add(sum(square(x)), sum(x))]])(
    "leaves broadcasting the gradient of a sum to an addition: %#",
    (build) => {
      const [gradient = x] = gradients(build(), [x]);
      expect(at(X, [gradient])).toEqual([X.map((v) => 1 + 2 * v)]);
      expect(operationsOf(gradient).filter((op) => op === "broadcastTo")).toHaveLength(1); // that of the square
    },
  );

  it("builds nothing for operands that do not depend on a target", () => {
    const weight = input("weight", [3, 3]);
    const features = tanh(matmul(input("batch", [4, 3]), weight));
    const [gradient = x] = gradients(sum(mul(features, x)), [x]);
    expect(operationsOf(gradient)).not.toContain("transpose");
    expect(operationsOf(gradient).filter((op) => op === "matmul")).toHaveLength(1);
  });
});

describe("gradients of slices", () => {
  const long = input("x", [6]);
  const LONG = [1, 2, 3, 4, 5, 6];
  const weighted = (ranges: readonly (readonly [number, number])[]): Tensor =>
    ranges.map(([start, end], i) => sum(mul(square(slice(long, 0, start, end)), i + 1))).reduce(add);

  it("joins those of slices that tile their operand, in any order", () => {
    const [gradient = x] = gradients(
      weighted([
        [2, 5],
        [0, 2],
        [5, 6],
      ]),
      [long],
    );
    expect(at(LONG, [gradient])).toEqual([[4, 8, 6, 8, 10, 36]]);
    expect(gradient.op).toBe("concat");
    expect(operationsOf(gradient)).not.toContain("pad");
  });

  it("joins those that lie side by side where the rest of the operand is not sliced", () => {
    const [gradient = x] = gradients(
      weighted([
        [3, 5],
        [1, 3],
      ]),
      [long],
    );
    expect(at(LONG, [gradient])).toEqual([[0, 8, 12, 8, 10, 0]]);
    expect(operationsOf(gradient).filter((op) => op === "pad")).toHaveLength(1);
  });

  it.each([
    [
      "overlap",
      [
        [0, 4],
        [2, 6],
      ],
      [2, 4, 18, 24, 20, 24],
    ],
    [
      "repeat",
      [
        [0, 3],
        [3, 6],
        [0, 3],
        [3, 6],
      ],
      [8, 16, 24, 48, 60, 72],
    ],
    [
      "overlap and are as long as the whole",
      [
        [0, 4],
        [3, 5],
      ],
      [2, 4, 6, 24, 20, 0],
    ],
    [
      "leave a gap",
      [
        [0, 2],
        [4, 6],
      ],
      [2, 4, 0, 0, 20, 24],
    ],
    [
      "stop short of the end",
      [
        [0, 2],
        [2, 4],
      ],
      [2, 4, 12, 16, 0, 0],
    ],
    [
      "start late",
      [
        [1, 3],
        [3, 6],
      ],
      [0, 4, 6, 16, 20, 24],
    ],
  ] as const)("adds up those of slices that %s", (_, ranges, expected) => {
    expect(at(LONG, gradients(weighted(ranges), [long]))).toEqual([expected]);
  });

  it("adds up those along different axes", () => {
    const matrix = input("x", [2, 2]);
    const loss = add(sum(slice(matrix, 0, 0, 1)), sum(mul(slice(matrix, 1, 1, 2), 10)));
    expect(at([1, 2, 3, 4], gradients(loss, [matrix]))).toEqual([[1, 11, 0, 10]]);
  });

  it("adds one to a use of the whole", () => {
    const loss = add(sum(slice(long, 0, 0, 3)), sum(mul(long, 5)));
    expect(at(LONG, gradients(loss, [long]))).toEqual([[6, 6, 6, 5, 5, 5]]);
  });

  it("takes apart and joins through concat and pad", () => {
    const joined = concat([slice(long, 0, 3, 6), pad(slice(long, 0, 0, 3), 0, 1, 1)], 0);
    const weights = concat(
      Array.from({ length: 8 }, (_, i) => mul(slice(long, 0, 0, 1), i)),
      0,
    );
    // joined = [x3 x4 x5 0 x0 x1 x2 0], weights = x0 * [0..7], and x0 = 1.
    expect(at(LONG, gradients(sum(mul(joined, weights)), [long]))).toEqual([
      [4 + (1 * 5 + 2 * 6 + 4 * 1 + 5 * 2 + 6 * 3), 5, 6, 0, 1, 2],
    ]);
  });
});

describe("vectorJacobianProduct", () => {
  it("sums over seeds", () => {
    const seeds = [
      { output: square(x), gradient: x },
      { output: neg(x), gradient: scaled(10) },
    ];
    expect(at(X, vectorJacobianProduct(seeds, [x]))).toEqual([X.map((v) => 2 * v * v - 10)]);
  });

  it("takes two seeds for one output", () => {
    const output = mul(x, 3);
    const seeds = [
      { output, gradient: scaled(1) },
      { output, gradient: scaled(10) },
    ];
    expect(at(X, vectorJacobianProduct(seeds, [x]))).toEqual([[33, 33, 33]]);
  });

  it("takes a seed for an output that another output depends on", () => {
    const inner = square(x);
    const seeds = [
      { output: inner, gradient: scaled(1) },
      { output: mul(inner, 5), gradient: scaled(10) },
    ];
    const expected = X.map((v) => 51 * 2 * v);
    expect(at(X, vectorJacobianProduct(seeds, [x]))).toEqual([expected]);
    expect(at(X, vectorJacobianProduct(seeds.toReversed(), [x]))).toEqual([expected]);
  });

  it("adds the seed of an output that is itself a target", () => {
    const seeds = [
      { output: x, gradient: scaled(100) },
      { output: sub(x, 1), gradient: scaled(1) },
    ];
    expect(at(X, vectorJacobianProduct(seeds, [x]))).toEqual([[101, 101, 101]]);
  });

  it("gives zeros without seeds", () => {
    expect(at(X, vectorJacobianProduct([], [x]))).toEqual([[0, 0, 0]]);
  });
});

// --- internal ---

/** The elements of the tensors where the input x has these. */
function at(data: readonly number[], tensors: readonly (Tensor | undefined)[]): number[][] {
  const outputs = Object.fromEntries(tensors.map((tensor, i) => [`out${i}`, tensor ?? x]));
  const graph = createGraph(outputs);
  const shape = graph.inputs["x"]?.shape ?? [];
  return Object.values(evaluate(graph, { x: { shape, data } })).map((result) => [...result.data]);
}

function operationsOf(tensor: Tensor): readonly Op[] {
  return topologicalOrder([tensor]).map(({ op }) => op);
}
