import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { stagesOf } from "../src/train/config.ts";
import { experimentsOf, type ModelSource } from "./experiments.ts";
import { PAPER_MEMORY } from "./join.ts";
import { runConfigOf } from "./recipe.ts";
import { inRepository } from "./texts.ts";

const source: ModelSource = { recipe: "recipes/passkey.json", data: [] };

describe("runConfigOf", () => {
  it("takes a recipe as it is", async () => {
    const { model, training } = await runConfigOf(source);
    expect(model.memory.update).toBe("token-delta");
    expect(stagesOf(training).map(({ writePenalty }) => writePenalty)).toEqual([0, 0.5, 5, 50]);
  });

  it.each(["linear", "delta"])("puts no price on what the memory of the paper writes, update %s", async (update) => {
    const { model, training } = await runConfigOf({ ...source, model: { memory: { ...PAPER_MEMORY, update } } });
    expect(model.memory).toMatchObject({ ...PAPER_MEMORY, update });
    const ours = await runConfigOf(source);
    expect(stagesOf(training)).toEqual(stagesOf(ours.training).map((stage) => ({ ...stage, writePenalty: 0 })));
  });

  it("takes changes in place of keys, and keeps the others", async () => {
    const { model, training } = await runConfigOf({
      ...source,
      model: { modelDim: 16 },
      training: { steps: 9, curriculum: [] },
    });
    expect(model).toMatchObject({ modelDim: 16, headDim: 64 });
    expect(training).toMatchObject({ steps: 9, curriculum: [], batch: 2, length: 4096 });
  });

  it("makes one segment of the longest sequence, with as many tokens in a step", async () => {
    const { model, training } = await runConfigOf({ ...source, oneSegment: true });
    expect(model.segmentLength).toBe(4096);
    expect(stagesOf(training).map(({ length, batch }) => [length, batch])).toEqual([
      [4096, 2],
      [4096, 2],
      [4096, 2],
      [4096, 2],
    ]);
  });

  it("refuses a change that the config does not know", async () => {
    await expect(runConfigOf({ ...source, model: { modelDimm: 16 } })).rejects.toThrow(/passkey\.json: .*"modelDim"/);
  });
});

describe.each(["full", "smoke"] as const)("the %s experiments", (size) => {
  const experiments = experimentsOf(size);

  it("have names of their own, the same for both sizes", () => {
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
