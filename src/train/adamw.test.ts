import { describe, expect, it } from "vitest";
import { expectClose } from "../engine/engine.suite.ts";
import { zeros } from "../tensor/host-tensor.ts";
import { adamW, type AdamWOptions } from "./adamw.ts";
import { computers, normals, runOptimizer, tensorOf, type OptimizerRun } from "./fixtures.ts";

const options: AdamWOptions = { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.05 };
const run: OptimizerRun = {
  parameter: normals([3, 4], 1),
  gradients: [2, 3, 4, 5, 6].map((seed) => normals([3, 4], seed, 10 ** (seed - 4))),
  learningRates: [0.01, 0.02, 0.5, 0.1, 0.03],
  group: { learningRateFactor: 1, decay: true },
};

describe.each(Object.entries(computers))("adamW in %s", (_, { compile, tolerance }) => {
  it.each<[string, Partial<AdamWOptions>, Partial<OptimizerRun>]>([
    ["a parameter that decays", {}, {}],
    ["a parameter that does not", {}, { group: { learningRateFactor: 1, decay: false } }],
    ["a parameter with its own rate", { weightDecay: 0.3 }, { group: { learningRateFactor: 10, decay: true } }],
    ["averages of other lengths", { beta1: 0.5, beta2: 0.75 }, {}],
    ["no momentum", { beta1: 0 }, {}],
    ["an epsilon that counts", { epsilon: 0.5 }, {}],
    ["a vector", {}, { parameter: normals([4], 1), gradients: [1, 2, 3, 4, 5].map((seed) => normals([4], seed)) }],
  ])("follows the published algorithm for %s", async (_name, changes, runChanges) => {
    const [settings, changedRun] = [
      { ...options, ...changes },
      { ...run, ...runChanges },
    ];
    const actual = await runOptimizer(adamW(settings), changedRun, compile);
    const expected = plainAdamW(settings, changedRun);
    expect(actual).toHaveLength(expected.length);
    actual.forEach((step, i) => {
      for (const [name, data] of Object.entries(expected[i] ?? {})) {
        expectClose(step[name], { shape: changedRun.parameter.shape, data }, tolerance);
      }
    });
  });

  it("takes first steps of the size of the learning rate, however large the gradient", async () => {
    const history = await runOptimizer(adamW({ ...options, weightDecay: 0 }), run, compile);
    const first = tensorOf(history[0] ?? {}, "parameter");
    const moved = Array.from(first.data, (value, i) => Math.abs(value - (run.parameter.data[i] ?? 0)));
    expectClose({ shape: [12], data: moved }, { shape: [12], data: moved.map(() => 0.01) }, 1e-5);
  });

  it("only decays what has no gradient", async () => {
    const gradients = run.gradients.map(({ shape }) => zeros(shape));
    const history = await runOptimizer(adamW(options), { ...run, gradients }, compile);
    const factor = run.learningRates.reduce((product, rate) => product * (1 - rate * options.weightDecay), 1);
    const expected = Array.from(run.parameter.data, (value) => value * factor);
    expectClose(history.at(-1)?.parameter, { shape: [3, 4], data: expected }, tolerance);
  });
});

describe("adamW", () => {
  it("starts with averages of zero", () => {
    expect(adamW(options).init(run.parameter)).toEqual({ m: zeros([3, 4]), v: zeros([3, 4]) });
  });
});

// --- internal ---

/** Algorithm 2 of arXiv 1711.05101 in plain numbers, with the decay times the learning rate. */
function plainAdamW(
  { beta1, beta2, epsilon, weightDecay }: AdamWOptions,
  { parameter, gradients, learningRates, group }: OptimizerRun,
): { parameter: number[]; m: number[]; v: number[] }[] {
  let theta = Array.from(parameter.data);
  let m = theta.map(() => 0);
  let v = theta.map(() => 0);
  return gradients.map(({ data }, i) => {
    const t = i + 1;
    const alpha = (learningRates[i] ?? 0) * group.learningRateFactor;
    const decay = group.decay ? weightDecay : 0;
    m = m.map((old, j) => beta1 * old + (1 - beta1) * (data[j] ?? 0));
    v = v.map((old, j) => beta2 * old + (1 - beta2) * (data[j] ?? 0) ** 2);
    theta = theta.map((old, j) => {
      const mHat = (m[j] ?? 0) / (1 - beta1 ** t);
      const vHat = (v[j] ?? 0) / (1 - beta2 ** t);
      return old - alpha * (mHat / (Math.sqrt(vHat) + epsilon) + decay * old);
    });
    return { parameter: theta, m, v };
  });
}
