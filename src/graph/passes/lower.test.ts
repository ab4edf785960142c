import { beforeAll, describe, expect, it } from "vitest";
import { expectClose } from "../../engine/engine.suite.ts";
import type { Engine } from "../../engine/engine.ts";
import { createNodeEngine } from "../../engine/ort/ort-node.ts";
import { evaluate, type Float64Tensor } from "../../engine/reference/reference.ts";
import { createRng } from "../../base/random.ts";
import {
  add,
  constant,
  crossEntropy,
  dequantizeBlocks,
  eluPlusOne,
  gatherBlocks,
  input,
  l2Normalize,
  linearCrossEntropy,
  matmul,
  matmulBlocks,
  matrixTranspose,
  mul,
  rmsNorm,
  sigmoid,
  silu,
  softmaxMatmul,
  stopGradient,
  slice,
  unitLowerInverse,
} from "../builder.ts";
import { createGraph } from "../graph.ts";
import { PRIMITIVE } from "../target.ts";
import { lower } from "./optimize.ts";
import { floatTensor, sizeOf, type FloatTensor, type Shape } from "../../tensor/host-tensor.ts";
import { lowerings, oneHot, strictlyLower } from "./lower.ts";
import { quantizeBlocks, type Blocks } from "../../tensor/blocks.ts";
import type { BlockOps, LowerableOp } from "../ops.ts";
import type { Tensor } from "../tensor.ts";

const rng = createRng(3);
const random = (shape: Shape, draw = rng.normal): FloatTensor =>
  floatTensor(shape, Float32Array.from({ length: sizeOf(shape) }, draw));
const row = (...values: number[]): FloatTensor => floatTensor([values.length], Float32Array.from(values));

type Sample = readonly [build: (x: Tensor) => Tensor, value: FloatTensor];

/** Of matrices of every kind of blocks. */
function blockSamples(): Readonly<Record<keyof BlockOps, readonly Sample[]>> {
  const matrices = ([4, 8] as const).flatMap((bits) =>
    [false, true].map((zeroPoints): Blocks<Tensor> => {
      const matrix = quantizeBlocks(random([5, 96]), { bits, zeroPoints });
      const [blocks, scales] = [constant(matrix.blocks), constant(matrix.scales)];
      return { blocks, scales, ...(matrix.zeroPoints && { zeroPoints: constant(matrix.zeroPoints) }) };
    }),
  );
  const indices = input("indices", [2, 3], "int32");
  return {
    dequantizeBlocks: matrices.map((matrix) => [(x) => add(x, dequantizeBlocks(matrix)), random([5, 96])]),
    matmulBlocks: matrices.map((matrix) => [(x) => matmulBlocks(x, matrix), random([2, 3, 96])]),
    gatherBlocks: matrices.map((matrix) => [(x) => add(x, gatherBlocks(matrix, indices)), random([2, 3, 96])]),
  };
}

describe("lowering to primitive operations", () => {
  const extremes = row(-1000, -200, -1, -1e-9, 0, 1e-9, 1, 200, 1000);
  const samples: { readonly [K in LowerableOp]: readonly Sample[] } = {
    eluPlusOne: [[eluPlusOne, extremes]],
    silu: [[silu, extremes]],
    rmsNorm: [
      [(x) => rmsNorm(x, x, 1e-6), random([5])],
      [(x) => rmsNorm(x, input("scale", [3]), 0.1), random([2, 3])],
    ],
    l2Normalize: [
      [(x) => l2Normalize(x, 1e-6), random([2, 3])],
      [(x) => l2Normalize(x, 1e-6), row(0, 0)],
    ],
    softmaxMatmul: [[(x) => softmaxMatmul(x, input("values", [3, 1])), random([2, 2, 3])]],
    crossEntropy: [[(x) => crossEntropy(x, input("targets", [2, 2], "int32")), random([2, 2, 5])]],
    linearCrossEntropy: [
      [(x) => linearCrossEntropy(x, input("values", [3, 1]), input("labels", [2, 2], "int32")), random([2, 2, 1])],
      [(x) => linearCrossEntropy(x, input("values", [3, 1]), input("labels", [2, 2], "int32"), 3), random([2, 2, 1])],
    ],
    stopGradient: [[stopGradient, random([2, 3])]],
    unitLowerInverse: [[unitLowerInverse, random([2, 6, 6])]],
    ...blockSamples(),
  };
  const feeds = {
    scale: row(1, -2, 3),
    values: { shape: [3, 1], data: [1, -2, 3] },
    targets: { shape: [2, 2], data: [0, 4, 2, 2] },
    indices: { shape: [2, 3], data: [4, 0, 0, 2, 1, 3] },
    labels: { shape: [2, 2], data: [0, 2, 1, 1] },
  };

  it.each(Object.entries(samples))("%s keeps its value", (op, list) => {
    for (const [build, value] of list) {
      const graph = createGraph({ y: build(input("x", value.shape)) });
      const lowered = lower(graph, PRIMITIVE);
      expect(graph.nodes.map((node) => node.op)).toContain(op);
      expect(lowered.nodes.filter((node) => node.op in lowerings)).toEqual([]);
      const all = { ...feeds, x: value };
      expectClose(evaluate(lowered, all)["y"], evaluated(evaluate(graph, all), "y"), 1e-7);
    }
  });
});

describe("unitLowerInverse in single precision", () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await createNodeEngine({ threads: 1 });
  });

  /** What the engine computes, and the same in double precision without the lowering. */
  async function invert(matrix: Tensor, x: FloatTensor): Promise<{ single: Float64Tensor; double: Float64Tensor }> {
    const graph = createGraph({ inverse: unitLowerInverse(matrix) });
    const program = await engine.compile(graph);
    const { inverse } = await program.run({ x });
    await program.dispose();
    const single = { shape: inverse?.shape ?? [], data: Float64Array.from(inverse?.data ?? []) };
    return { single, double: evaluated(evaluate(graph, { x }), "inverse") };
  }

  it.each([1, 2, 3, 33, 64, 100])("inverts %d rows of ones below the diagonal", async (size) => {
    const ones = floatTensor([size, size], new Float32Array(size * size).fill(1));
    const { single } = await invert(input("x", [size, size]), ones);
    expectClose(
      single,
      matrixOf(size, (i, j) => (i === j ? 1 : i === j + 1 ? -1 : 0)),
      1e-5,
    );
  });

  it("inverts 24 rows of minus ones, where the inverse grows like two to the power of the row", async () => {
    const { single } = await invert(input("x", [24, 24]), floatTensor([24, 24], new Float32Array(24 * 24).fill(-1)));
    expectClose(
      single,
      matrixOf(24, (i, j) => (i < j ? 0 : i === j ? 1 : 2 ** (i - j - 1))),
      1e-5,
    );
  });

  it.each([64, 48])("inverts the matrix of %d equal keys with beta one", async (size) => {
    const key = random([1, 16]);
    const keys = floatTensor(
      [size, 16],
      Float32Array.from({ length: size * 16 }, (_, i) => key.data[i % 16] ?? 0),
    );
    const normalized = l2Normalize(input("x", [size, 16]));
    const { single, double } = await invert(matmul(normalized, matrixTranspose(normalized)), keys);
    expectClose(single, double, 1e-5);
    expectClose(
      single,
      matrixOf(size, (i, j) => (i === j ? 1 : i === j + 1 ? -1 : 0)),
      1e-4,
    );
  });

  it.each([5, 63, 64, 65])("inverts the matrices of %d random keys with random betas", async (size) => {
    const x = input("x", [2, size, 9]);
    const [keys, betas] = [l2Normalize(slice(x, 2, 0, 8)), sigmoid(slice(x, 2, 8, 9))];
    const { single, double } = await invert(mul(matmul(keys, matrixTranspose(keys)), betas), random(x.shape));
    expectClose(single, double, 1e-5);
  });
});

describe("helpers", () => {
  it("oneHot puts a one at each index", () => {
    const graph = createGraph({ y: oneHot(input("x", [2, 1], "int32"), 3) });
    const y = evaluated(evaluate(graph, { x: { shape: [2, 1], data: [2, 0] } }), "y");
    expectClose(y, { shape: [2, 1, 3], data: [0, 0, 1, 1, 0, 0] }, 0);
  });

  it("strictlyLower is one below the diagonal", () => {
    const graph = createGraph({ y: mul(strictlyLower(3), 1) });
    expectClose(
      evaluate(graph, {})["y"],
      matrixOf(3, (i, j) => (j < i ? 1 : 0)),
      0,
    );
  });
});

// --- internal ---

function matrixOf(size: number, element: (row: number, column: number) => number): Float64Tensor {
  const data = Float64Array.from({ length: size * size }, (_, i) => element(Math.floor(i / size), i % size));
  return { shape: [size, size], data };
}

function evaluated(results: Record<string, Float64Tensor>, name: string): Float64Tensor {
  const result = results[name];
  if (!result) throw new Error(`there is no output "${name}"`);
  return result;
}
