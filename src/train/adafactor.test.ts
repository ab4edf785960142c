import { describe, expect, it } from "vitest";
import { expectClose } from "../engine/engine.suite.ts";
import { floatTensor, zeros, type FloatTensor } from "../tensor/host-tensor.ts";
import { adafactor, type AdafactorOptions } from "./adafactor.ts";
import { computers, normals, runOptimizer, tensorOf, type OptimizerRun } from "./fixtures.ts";

const options: AdafactorOptions = {
  decayExponent: 0.8,
  clipThreshold: 1,
  epsilon: 1e-30,
  minimumScale: 1e-3,
  weightDecay: 0,
};
const group = { learningRateFactor: 1, decay: true };
const learningRates = [0.01, 0.02, 0.5, 0.1, 0.03];
const matrix: OptimizerRun = { parameter: normals([3, 5], 1), gradients: gradientsOf([3, 5]), learningRates, group };
const vector: OptimizerRun = { parameter: normals([5], 1), gradients: gradientsOf([5]), learningRates, group };

describe.each(Object.entries(computers))("adafactor in %s", (_, { compile, tolerance }) => {
  const cases: [string, Partial<AdafactorOptions>, Partial<OptimizerRun>][] = [
    ["as published", {}, {}],
    ["with updates clipped hard", { clipThreshold: 0.1 }, {}],
    ["without clipping", { clipThreshold: 1e3 }, {}],
    ["with a slower decay of the moment", { decayExponent: 0.3 }, {}],
    ["with an epsilon that counts", { epsilon: 0.1 }, {}],
    ["with a parameter below the smallest scale", { minimumScale: 3 }, {}],
    ["with weight decay", { weightDecay: 0.1 }, {}],
    ["with a group that does not decay", { weightDecay: 0.1 }, { group: { learningRateFactor: 1, decay: false } }],
    ["with its own rate", {}, { group: { learningRateFactor: 10, decay: false } }],
  ];

  it.each(cases)("follows algorithm 4 for a matrix %s", async (_name, changes, runChanges) => {
    const [settings, run] = [
      { ...options, ...changes },
      { ...matrix, ...runChanges },
    ];
    const actual = await runOptimizer(adafactor(settings), run, compile);
    const expected = plainAdafactor(settings, run);
    expect(actual).toHaveLength(expected.length);
    actual.forEach((step, i) => {
      expectClose(step.parameter, { shape: [3, 5], data: expected[i]?.parameter ?? [] }, tolerance);
      // The paper keeps sums of rows and columns, the source their means.
      expectClose(step.row, { shape: [3], data: (expected[i]?.R ?? []).map((sum) => sum / 5) }, tolerance);
      expectClose(step.column, { shape: [5], data: (expected[i]?.C ?? []).map((sum) => sum / 3) }, tolerance);
    });
  });

  it.each(cases)("keeps every second moment of a vector %s", async (_name, changes, runChanges) => {
    const [settings, run] = [
      { ...options, ...changes },
      { ...vector, ...runChanges },
    ];
    const actual = await runOptimizer(adafactor(settings), run, compile);
    const expected = plainAdafactor(settings, run);
    actual.forEach((step, i) => {
      expectClose(step.parameter, { shape: [5], data: expected[i]?.parameter ?? [] }, tolerance);
      expectClose(step.v, { shape: [5], data: expected[i]?.V ?? [] }, tolerance);
    });
  });

  it("leaves rows without a gradient where they are", async () => {
    const gradients = matrix.gradients.map(({ shape, data }) => floatTensor(shape, data.slice().fill(0, 5, 10)));
    const history = await runOptimizer(adafactor(options), { ...matrix, gradients }, compile);
    const last = Array.from(tensorOf(history.at(-1) ?? {}, "parameter").data);
    expect(last.slice(5, 10)).toEqual(Array.from(matrix.parameter.data.subarray(5, 10)));
    expect(last.every(Number.isFinite)).toBe(true);
    expect(last[0]).not.toBe(matrix.parameter.data[0]);
  });

  it("leaves everything where it is when there is no gradient at all", async () => {
    const gradients = [zeros([3, 5]), zeros([3, 5])];
    const history = await runOptimizer(adafactor(options), { ...matrix, gradients }, compile);
    expect(Array.from(history.at(-1)?.parameter?.data ?? [])).toEqual(Array.from(matrix.parameter.data));
  });
});

describe("adafactor", () => {
  it("remembers one number for each row and column of a matrix, and each element of a vector", () => {
    const { init } = adafactor(options);
    expect(init(zeros([3, 5]))).toEqual({ row: zeros([3]), column: zeros([5]) });
    expect(init(zeros([5]))).toEqual({ v: zeros([5]) });
    expect(init(zeros([]))).toEqual({ v: zeros([]) });
  });
});

// --- internal ---

function gradientsOf(shape: readonly number[]): FloatTensor[] {
  return [2, 3, 4, 5, 6].map((seed) => normals(shape, seed, 10 ** (seed - 5)));
}

interface PlainStep {
  readonly parameter: number[];
  readonly R: number[];
  readonly C: number[];
  readonly V: number[];
}

/** Algorithms 4 (a matrix) and 5 (a vector) of arXiv 1804.04235 in plain numbers, in the letters of the paper. */
function plainAdafactor(
  settings: AdafactorOptions,
  { parameter, gradients, learningRates: rates, group: { decay, learningRateFactor } }: OptimizerRun,
): PlainStep[] {
  const { decayExponent, clipThreshold: d, epsilon: epsilon1, minimumScale: epsilon2, weightDecay } = settings;
  const [n = 0, m] = parameter.shape;
  let X = Array.from(parameter.data);
  let R = Array.from({ length: n }, () => 0);
  let C = Array.from({ length: m ?? 0 }, () => 0);
  let V = X.map(() => 0);
  return gradients.map((gradient, i) => {
    const t = i + 1;
    const rho = (rates[i] ?? 0) * learningRateFactor;
    const alpha = Math.max(epsilon2, rootMeanSquare(X)) * rho;
    const G = Array.from(gradient.data);
    const beta2 = 1 - t ** -decayExponent;
    const squares = G.map((g) => g ** 2 + epsilon1);
    if (m === undefined) {
      V = V.map((v, j) => beta2 * v + (1 - beta2) * (squares[j] ?? 0));
    } else {
      R = R.map((r, row) => beta2 * r + (1 - beta2) * total(squares.filter((_, j) => Math.floor(j / m) === row)));
      C = C.map((c, column) => beta2 * c + (1 - beta2) * total(squares.filter((_, j) => j % m === column)));
      V = V.map((_, j) => ((R[Math.floor(j / m)] ?? 0) * (C[j % m] ?? 0)) / total(R));
    }
    const U = G.map((g, j) => g / Math.sqrt(V[j] ?? 0));
    const clip = Math.max(1, rootMeanSquare(U) / d);
    const shrink = decay ? (rates[i] ?? 0) * weightDecay : 0;
    X = X.map((x, j) => x - (alpha * (U[j] ?? 0)) / clip - shrink * x);
    return { parameter: X, R, C, V };
  });
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function rootMeanSquare(values: readonly number[]): number {
  return Math.sqrt(total(values.map((value) => value ** 2)) / values.length);
}
