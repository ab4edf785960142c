import { describe, expect, it } from "vitest";
import { SYSTEMS } from "../../lab/compare/systems.ts";
import { flatten } from "../tensor/tree.ts";
import type { FloatTensor } from "../tensor/host-tensor.ts";
import { createRng } from "../base/random.ts";
import { encodeWeights, loadModel } from "./checkpoint.ts";
import { parseModelConfig, type ModelConfigInput } from "./config.ts";
import { createModel, freshParams } from "./transformer.ts";

const SHAPE = {
  vocabularySize: 11,
  modelDim: 8,
  numLayers: 2,
  numHeads: 2,
  headDim: 4,
  feedForwardDim: 8,
  segmentLength: 4,
} satisfies ModelConfigInput;

describe("loadModel", () => {
  it.each(SYSTEMS)("gives the weights of $name back as they were saved", ({ mixing }) => {
    const config = parseModelConfig({ ...SHAPE, ...mixing(parseModelConfig(SHAPE)) });
    const params = freshParams(createModel(config), createRng(1));
    const loaded = loadModel(config, encodeWeights(flatten<FloatTensor>(params), config), "file");
    expect(loaded.params).toEqual(params);
  });
});
