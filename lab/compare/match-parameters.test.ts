import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { FloatTensor } from "../../src/tensor/host-tensor.ts";
import { flatten } from "../../src/tensor/tree.ts";
import { parseModelConfig } from "../../src/model/config.ts";
import { parameterCount } from "../../src/model/cost.ts";
import { createModel, freshParams } from "../../src/model/transformer.ts";
import { createRng } from "../../src/base/random.ts";
import { at } from "./fixtures.ts";
import { matchedSystem, matchParameters } from "./match-parameters.ts";
import { SUITES } from "./suites.ts";
import { SYSTEMS } from "./systems.ts";

const config = parseModelConfig({
  modelDim: 16,
  numLayers: 2,
  numHeads: 2,
  headDim: 8,
  feedForwardDim: 24,
  segmentLength: 8,
});

describe("matchParameters", () => {
  it("is nearer to the target than every other width that is a multiple of 8", () => {
    fc.assert(
      fc.property(fc.integer({ min: 5000, max: 50_000 }), (target) => {
        const { config: matched, parameters, deviation } = matchParameters(config, target);
        expect(matched.feedForwardDim % 8).toBe(0);
        expect(parameters).toBe(parameterCount(matched));
        expect(deviation).toBeCloseTo(parameters / target - 1, 12);
        for (let width = 8; width <= 600; width += 8) {
          const other = parameterCount({ ...config, feedForwardDim: width });
          expect(Math.abs(other - target)).toBeGreaterThanOrEqual(Math.abs(parameters - target));
        }
      }),
      { numRuns: 20 },
    );
  });

  it("keeps the smallest width where even that has more weights than the target", () => {
    expect(matchParameters(config, 10).config.feedForwardDim).toBe(8);
  });
});

describe("matchedSystem", () => {
  it.each(SYSTEMS)(
    "$name is as large as a plain transformer in each suite, and its weights are counted correctly",
    (system) => {
      for (const { model } of SUITES) {
        const { config: matched, parameters, deviation } = matchedSystem(system, model);
        expect(Math.abs(deviation)).toBeLessThan(0.01);
        const weights = Object.values(flatten<FloatTensor>(freshParams(createModel(matched), createRng(0))));
        expect(weights.reduce((sum, { data }) => sum + data.length, 0)).toBe(parameters);
      }
    },
  );

  it("takes its target from the plain transformer of the shape", () => {
    const { model } = at(SUITES, 0);
    expect(matchedSystem(at(SYSTEMS, 0), model)).toMatchObject({
      deviation: 0,
      config: { feedForwardDim: model.feedForwardDim },
    });
  });
});
