import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseRunConfig, stagesOf } from "../../src/train/config.ts";
import { experimentsOf, PAPER_MEMORY, type ModelSource } from "./experiments.ts";
import { runConfigOf } from "./recipe.ts";
import { inRepository } from "./texts.ts";

const source: ModelSource = { recipe: "recipes/passkey.json", data: [] };

describe("runConfigOf", () => {
  it("takes a recipe unchanged", async () => {
    const recipe: unknown = JSON.parse(readFileSync(inRepository(source.recipe), "utf8"));
    const { model, training } = await runConfigOf(source);
    expect({ model, training }).toEqual(parseRunConfig(recipe));
    expect(stagesOf(training).at(-1)?.writePenalty).toBeGreaterThan(0);
  });

  it.each(["linear", "delta"])("does not penalize writes of the paper's memory, update %s", async (update) => {
    const { model, training } = await runConfigOf({ ...source, model: { memory: { ...PAPER_MEMORY, update } } });
    expect(model.memory).toMatchObject({ ...PAPER_MEMORY, update });
    const ours = await runConfigOf(source);
    expect(stagesOf(training)).toEqual(stagesOf(ours.training).map((stage) => ({ ...stage, writePenalty: 0 })));
  });

  it("replaces keys with changes, and keeps the others", async () => {
    const ours = await runConfigOf(source);
    const { model, training } = await runConfigOf({
      ...source,
      model: { modelDim: 16 },
      training: { steps: 9, curriculum: [] },
    });
    expect(model).toEqual({ ...ours.model, modelDim: 16 });
    expect(training).toEqual({ ...ours.training, steps: 9, curriculum: [] });
  });

  it("makes one segment of every sequence", async () => {
    const curriculum = [{ until: 5, batch: 16, length: 512 }];
    const training = { batch: 2, length: 4096, curriculum };
    const { model, training: changed } = await runConfigOf({ ...source, training, oneSegment: true });
    expect(model.segmentLength).toBe(4096);
    expect(stagesOf(changed).map(({ length, segmentLength }) => [length, segmentLength])).toEqual([
      [512, 512],
      [4096, undefined],
    ]);
  });

  it("refuses a change with an unknown key", async () => {
    await expect(runConfigOf({ ...source, model: { modelDimm: 16 } })).rejects.toThrow(/passkey\.json: .*"modelDim"/);
  });
});

describe.each(["full", "smoke"] as const)("the %s experiments", (size) => {
  const experiments = experimentsOf(size);

  it("have unique names, the same for both sizes", () => {
    const names = experiments.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(experimentsOf("full").map(({ name }) => name));
  });

  it.each(experiments.filter((experiment) => existsSync(inRepository(experiment.source.recipe))))(
    "have a config that fits the library: $name",
    async (experiment) => {
      const { training } = await runConfigOf(experiment.source);
      if (size === "smoke") expect(training.steps).toBeLessThan(10);
      else expect(training.steps).toBeGreaterThan(100);
    },
  );
});
