import { describe, expect, it } from "vitest";
import { resultOf, suite, systemOf } from "./fixtures.ts";
import {
  chooseLearningRate,
  finalsOf,
  goThrough,
  lengthRunsOf,
  runConfigOf,
  runHash,
  runsOf,
  trainingHash,
  trialsOf,
  type PlannedRun,
} from "./plan.ts";
import type { RunResult } from "./results.ts";

const linear = systemOf("infini-linear");
const window = systemOf("window");

describe("runs", () => {
  it("tries each learning rate on a share of the tokens, with the first seed", () => {
    expect(trialsOf(suite, linear)).toEqual(
      [0.003, 0.01].map((learningRate) => ({
        system: linear,
        seed: 0,
        learningRate,
        tokens: 256,
        length: 64,
        measure: "validation",
      })),
    );
    expect(trialsOf({ ...suite, learningRates: [0.01] }, linear)).toEqual([]);
  });

  it("gives all seeds to main systems and one to the others, and lengths to the requested ones", () => {
    expect(finalsOf(suite, linear, 0.01).map(({ seed }) => seed)).toEqual([0, 1]);
    expect(finalsOf(suite, window, 0.01).map(({ seed }) => seed)).toEqual([0]);
    expect(lengthRunsOf(suite, linear, 0.01).map(({ length }) => length)).toEqual([32, 64]);
    expect(lengthRunsOf(suite, window, 0.01)).toEqual([]);
  });

  it("counts the run that two experiments share once", () => {
    expect(runsOf(suite, linear)).toHaveLength(2 + 2 + 1);
    const [final] = finalsOf(suite, linear, 0.01);
    const shared = lengthRunsOf(suite, linear, 0.01).find(({ length }) => length === suite.length);
    expect(shared).toEqual(final);
  });
});

describe("runConfigOf", () => {
  it("trains on the same tokens in as many steps at every length", () => {
    const configs = lengthRunsOf(suite, linear, 0.01).map((run) => runConfigOf(suite, run).training);
    expect(configs.map(({ steps, batch, length }) => [steps, batch, length])).toEqual([
      [8, 4, 32],
      [8, 2, 64],
    ]);
    expect(configs.map(({ learningRate, warmupSteps }) => [learningRate, warmupSteps])).toEqual([
      [0.01, 1],
      [0.01, 1],
    ]);
  });
});

describe("hashes", () => {
  const run: PlannedRun = { system: linear, seed: 0, learningRate: 0.01, tokens: 1024, length: 64, measure: "test" };

  it("distinguish trainings by config and texts, and runs also by what is measured", () => {
    const other = { ...suite, testBytes: 77 };
    expect(trainingHash(other, run, "a")).toBe(trainingHash(suite, run, "a"));
    expect(runHash(other, run, "a")).not.toBe(runHash(suite, run, "a"));
    expect(runHash(other, { ...run, measure: "validation" }, "a")).toBe(
      runHash(suite, { ...run, measure: "validation" }, "a"),
    );
    for (const change of [{ seed: 1 }, { learningRate: 0.003 }, { tokens: 2048 }, { length: 32 }, { system: window }])
      expect(trainingHash(suite, { ...run, ...change }, "a")).not.toBe(trainingHash(suite, run, "a"));
    expect(trainingHash(suite, run, "b")).not.toBe(trainingHash(suite, run, "a"));
  });
});

describe("chooseLearningRate", () => {
  const trial = (learningRate: number, bits: number): RunResult =>
    resultOf({ system: linear, seed: 0, learningRate, tokens: 256, length: 64, measure: "validation" }, bits);
  const diverged = (learningRate: number): RunResult => {
    const { hash, system, seed, tokens, length, configHash } = trial(learningRate, 0);
    return { hash, system, seed, learningRate, tokens, length, configHash, diverged: "the loss is NaN" };
  };

  it("takes the one with the fewest bits per byte, whatever the order, ignoring diverged ones", () => {
    expect(chooseLearningRate([trial(0.001, 3), trial(0.003, 2), trial(0.01, 2.5)], suite)).toBe(0.003);
    expect(chooseLearningRate([diverged(0.01), trial(0.001, 3), trial(0.003, 4)], suite)).toBe(0.001);
  });

  it("takes the only one if nothing was tried, and none if all diverged", () => {
    expect(chooseLearningRate([], { learningRates: [0.02] })).toBe(0.02);
    expect(chooseLearningRate([diverged(0.01), diverged(0.003)], suite)).toBeUndefined();
  });
});

describe("goThrough", () => {
  it("uses the best learning rate for everything after the trials", async () => {
    const asked: PlannedRun[] = [];
    const found = await goThrough(suite, linear, async (run) => {
      asked.push(run);
      return resultOf(run, run.learningRate === 0.003 ? 2 : 3);
    });
    expect(found).toMatchObject({ learningRate: 0.003, complete: true });
    expect(asked.map(({ measure, learningRate }) => [measure, learningRate])).toEqual([
      ["validation", 0.003],
      ["validation", 0.01],
      ...Array.from({ length: 4 }, () => ["test", 0.003]),
    ]);
  });

  it("stops at the trials if one is missing, and says what is incomplete", async () => {
    const none = await goThrough(suite, linear, async (run) =>
      run.learningRate === 0.01 ? undefined : resultOf(run, 2),
    );
    expect(none).toMatchObject({ finals: [], lengths: [], complete: false });
    expect(none.trials).toHaveLength(1);
    const half = await goThrough(suite, linear, async (run) => (run.seed === 1 ? undefined : resultOf(run, 2)));
    expect(half).toMatchObject({ learningRate: 0.003, complete: false });
    expect(half.finals).toHaveLength(1);
  });
});
