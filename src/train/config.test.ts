import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../base/parse-config.ts";
import { createOptimizer, learningRateAt, parseRunConfig, stagesOf, type RunConfigInput } from "./config.ts";
import { tinyRun } from "./fixtures.ts";
import { presets } from "./presets.ts";

const model = { modelDim: 8, numLayers: 1, numHeads: 2, headDim: 4, feedForwardDim: 8, segmentLength: 16 };
const training = { steps: 100, batch: 2, length: 64 };

describe("parseRunConfig", () => {
  it("fills in what has a default", () => {
    expect(parseRunConfig({ model, training }).training).toMatchObject({
      ...training,
      accumulate: 1,
      mode: "parallel",
      seed: 0,
      optimizer: { kind: "adamw", beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.05 },
      learningRate: 3e-3,
      warmupSteps: 100,
      finalLearningRate: 0.1,
      gateLearningRateFactor: 10,
      clipNorm: 1,
      curriculum: [],
      checkpointEvery: 100,
      mixture: [{ task: "text", share: 1 }],
    });
  });

  it("gives a parsed config back unchanged", () => {
    const config = parseRunConfig({ model, training: { ...training, optimizer: { kind: "adafactor" } } });
    expect(parseRunConfig(config)).toEqual(config);
    expect(config.training.optimizer).toMatchObject({ kind: "adafactor", decayExponent: 0.8, epsilon: 1e-30 });
  });

  it.each<[string, object, string]>([
    ["a misspelt key", { lenght: 64 }, 'recipe.json: unknown key "training.lenght" (did you mean "length"?)'],
    ["a misspelt key that is optional", { warmupStep: 5 }, '"training.warmupStep" (did you mean "warmupSteps"?)'],
    [
      "a misspelt key of an optimizer",
      { optimizer: { kind: "adamw", weigthDecay: 1 } },
      '"training.optimizer.weigthDecay" (did you mean "weightDecay"?)',
    ],
    [
      "a misspelt key of a stage",
      { curriculum: [{ until: 5, batch: 1, lenght: 16 }] },
      '"training.curriculum.0.lenght" (did you mean "length"?)',
    ],
    ["a key of another optimizer", { optimizer: { kind: "adafactor", beta1: 0.9 } }, '"training.optimizer.beta1"'],
    ["a length of half a segment", { length: 72 }, "training.length: must be a whole number of segments"],
    [
      "a stage with a length of half a segment",
      { curriculum: [{ until: 5, batch: 1, length: 24 }] },
      "training.length: must be a whole number of segments, in every stage",
    ],
    [
      "a stage whose length is not a multiple of its segments",
      { curriculum: [{ until: 5, batch: 1, length: 16, segmentLength: 6 }] },
      "training.length: must be a whole number of segments, in every stage",
    ],
    [
      "a stage that ends with the run",
      { curriculum: [{ until: 100, batch: 1, length: 16 }] },
      "training.curriculum: stages must end one after the other, before the last step",
    ],
    [
      "stages out of order",
      {
        curriculum: [
          { until: 50, batch: 1, length: 16 },
          { until: 50, batch: 1, length: 32 },
        ],
      },
      "training.curriculum: stages must end one after the other",
    ],
    ["no steps", { steps: 0 }, "training.steps"],
    ["half a batch", { batch: 0.5 }, "training.batch"],
    ["an average that never moves", { optimizer: { kind: "adamw", beta1: 1 } }, "training.optimizer.beta1"],
    ["a learning rate of zero", { learningRate: 0 }, "training.learningRate"],
    ["another mode", { mode: "serial" }, "training.mode"],
    ["another optimizer", { optimizer: { kind: "sgd" } }, "training.optimizer"],
  ])("refuses %s", (_, changes, problem) => {
    const parse = (): unknown => parseRunConfig({ model, training: { ...training, ...changes } }, "recipe.json");
    expect(parse).toThrow(ConfigError);
    expect(parse).toThrow(problem);
  });

  it("takes a write penalty with a memory that chooses what to write alone", () => {
    const penalized = { ...training, curriculum: [{ until: 5, batch: 1, length: 16, writePenalty: 0.1 }] };
    expect(stagesOf(parseRunConfig({ model, training: penalized }).training)).toMatchObject([
      { writePenalty: 0.1 },
      { writePenalty: 0 },
    ]);
    const linear = { ...model, memory: { update: "linear" } };
    expect(() => parseRunConfig({ model: linear, training: penalized })).toThrow(
      "training.writePenalty: needs a memory that chooses",
    );
    expect(parseRunConfig({ model: linear, training }).training.writePenalty).toBe(0);
    const layered = (whole: object, update: string): object => ({
      model: { ...whole, numLayers: 2, layers: [{ memory: { update: "linear" } }, { memory: { update } }] },
      training: penalized,
    });
    expect(parseRunConfig(layered(linear, "token-delta")).model.layers?.length).toBe(2);
    expect(() => parseRunConfig(layered(model, "linear"))).toThrow(
      "training.writePenalty: needs a memory that chooses",
    );
  });

  it("takes a mixture that fits the model and every stage alone", () => {
    const mqar = { task: "mqar" as const, share: 1, pairs: [4, 16], vocabulary: 200 };
    const run = (changes: object, stage = 64): unknown =>
      parseRunConfig({
        model,
        training: {
          ...training,
          curriculum: [{ until: 5, batch: 1, length: stage }],
          mixture: [
            { ...mqar, ...changes },
            { task: "copy", share: 1 },
          ],
        },
      });
    expect(run({})).toMatchObject({ training: { mixture: [mqar, { task: "copy" }] } });
    const refuse = (act: () => unknown, problem: string): void => {
      expect(act).toThrow(ConfigError);
      expect(act).toThrow(`training.mixture: ${problem}`);
    };
    refuse(() => run({ vocabulary: 300 }), "mqar has a vocabulary of 300 tokens, but the model has one of 256");
    refuse(() => run({}, 48), "mqar with 16 pairs needs 64 tokens without filler, got 48 tokens");
    refuse(
      () => run({ distance: 32 }),
      "mqar with 16 pairs needs 64 tokens without filler, got 64 tokens, 32 of which",
    );
  });

  it("takes documents alone in the mixture of their stage", () => {
    const documents = { task: "documents" as const, share: 1 };
    const text = { task: "text" as const, share: 1 };
    const stage = { until: 5, batch: 1, length: 16 };
    const run = (mixture: object[], staged = mixture): unknown =>
      parseRunConfig({ model, training: { ...training, mixture, curriculum: [{ ...stage, mixture: staged }] } });
    expect(run([documents], [text])).toMatchObject({ training: { mixture: [documents] } });
    expect(run([documents, { ...text, share: 0 }])).toMatchObject({ training: { mixture: [documents, { share: 0 }] } });
    const problem = "mixture: documents are read from start to end, so no other part may have a share above 0";
    expect(() => run([documents, text])).toThrow(`training.${problem}`);
    expect(() => run([documents, documents])).toThrow(`training.${problem}`);
    expect(() => run([text], [text, documents])).toThrow(`training.curriculum.0.${problem}`);
    expect(() => run([{ ...documents, length: 3 }])).toThrow('unknown key "training.mixture.0.length"');
  });

  it("names everything that is wrong at once, that of the model too", () => {
    const wrong = { model: { ...model, headDim: 3 }, training: { ...training, steps: -1, batsh: 2 } };
    expect(() => parseRunConfig(wrong)).toThrow(/run config: .*model\.headDim.*training\.steps.*"training\.batsh"/);
  });
});

describe("presets", () => {
  it.each(Object.entries<RunConfigInput>(presets))("%s is a valid run", (_, preset) => {
    expect(parseRunConfig(preset)).toMatchObject(preset);
  });

  it("has the language model of section 3.1 of the paper", () => {
    const paper = parseRunConfig(presets["paper-lm"]);
    expect(paper.model).toMatchObject({
      numLayers: 12,
      numHeads: 8,
      numKeyValueHeads: 8,
      headDim: 128,
      feedForwardDim: 4096,
      segmentLength: 2048,
      memory: { update: "linear", shift: "none", gateInit: 0 },
    });
    const { length, batch, accumulate, optimizer, learningRate, warmupSteps } = paper.training;
    expect({ length, sequences: batch * accumulate, optimizer: optimizer.kind, learningRate, warmupSteps }).toEqual({
      length: 32_768,
      sequences: 64,
      optimizer: "adafactor",
      learningRate: 0.01,
      warmupSteps: 1000,
    });
  });
});

describe("learningRateAt", () => {
  const config = tinyRun({ steps: 100, warmupSteps: 20, learningRate: 0.5, finalLearningRate: 0.1 }).training;
  const rate = (step: number): number => learningRateAt(step, config);

  it("rises in a line from zero, exclusive, to the full rate", () => {
    expect(rate(1)).toBeCloseTo(0.025, 12);
    expect(rate(10)).toBeCloseTo(0.25, 12);
    expect(rate(20)).toBe(0.5);
  });

  it("falls by half a cosine to the final share", () => {
    expect(rate(40)).toBeCloseTo(0.05 + 0.45 * 0.5 * (1 + Math.SQRT1_2), 12);
    expect(rate(60)).toBeCloseTo((0.5 + 0.05) / 2, 12);
    expect(rate(100)).toBeCloseTo(0.05, 12);
    expect(rate(150)).toBeCloseTo(0.05, 12);
  });

  it("begins at the full rate without a warm-up, and stays there where the final share is one", () => {
    const flat = { ...config, warmupSteps: 0, finalLearningRate: 1 };
    expect([1, 50, 100].map((step) => learningRateAt(step, flat))).toEqual([0.5, 0.5, 0.5]);
    expect(learningRateAt(1, { ...config, warmupSteps: 0 })).toBeCloseTo(0.5, 3);
  });

  it("is positive and at most the full rate at every step, also when the warm-up is longer than the run", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.nat(400),
        fc.integer({ min: 1, max: 300 }),
        (steps, warmupSteps, step) => {
          const value = learningRateAt(Math.min(step, steps), { ...config, steps, warmupSteps });
          expect(value).toBeGreaterThan(0);
          expect(value).toBeLessThanOrEqual(0.5);
        },
      ),
    );
  });
});

describe("stagesOf", () => {
  it("is the whole run without a curriculum", () => {
    expect(stagesOf(parseRunConfig({ model, training }).training)).toMatchObject([
      { after: 0, until: 100, batch: 2, length: 64 },
    ]);
  });

  it("joins every stage to the one before", () => {
    const curriculum = [
      { until: 10, batch: 8, length: 16 },
      { until: 40, batch: 4, length: 32 },
    ];
    expect(stagesOf(parseRunConfig({ model, training: { ...training, curriculum } }).training)).toMatchObject([
      { after: 0, until: 10, batch: 8, length: 16 },
      { after: 10, until: 40, batch: 4, length: 32 },
      { after: 40, until: 100, batch: 2, length: 64 },
    ]);
  });
});

describe("createOptimizer", () => {
  it("makes the one that is asked for", () => {
    const parameter = { dtype: "float32", shape: [2, 3], data: new Float32Array(6) } as const;
    const parts = (optimizer: RunConfigInput["training"]["optimizer"]): string[] =>
      Object.keys(createOptimizer(tinyRun({ optimizer }).training.optimizer).init(parameter));
    expect(parts({ kind: "adamw" })).toMatchObject(["m", "v"]);
    expect(parts({ kind: "adafactor" })).toMatchObject(["row", "column"]);
  });
});
