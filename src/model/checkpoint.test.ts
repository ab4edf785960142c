import { describe, expect, it } from "vitest";
import { SYSTEMS } from "../../lab/compare/systems.ts";
import { encodeSafetensors } from "../tensor/safetensors.ts";
import { flatten, type Flat } from "../tensor/tree.ts";
import { transposed } from "../nn/init.ts";
import type { ParamSpec } from "../nn/spec.ts";
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
  it.each(SYSTEMS)("gives the weights of $name back as they were saved", async ({ mixing }) => {
    const config = parseModelConfig({ ...SHAPE, ...mixing(parseModelConfig(SHAPE)) });
    const params = freshParams(createModel(config), createRng(1));
    const loaded = await loadModel(config, encodeWeights(flatten<FloatTensor>(params)), "file");
    expect(loaded.params).toEqual(params);
  });

  it.each(SYSTEMS)(
    "opens weights of $name from a file of the first format, with matrices as [in, out]",
    async ({ mixing }) => {
      const config = parseModelConfig({ ...SHAPE, ...mixing(parseModelConfig(SHAPE)) });
      const model = createModel(config);
      const params = freshParams(model, createRng(1));
      const specs = flatten<ParamSpec>(model.specs);
      const first = Object.entries(flatten<FloatTensor>(params)).map(([name, value]) => [
        name,
        specs[name]?.role === "matrix" ? transposed(value) : value,
      ]);
      const file = encodeSafetensors(Object.fromEntries(first) as Flat<FloatTensor>, { format: "infini-transformer" });
      expect((await loadModel(config, file, "file")).params).toEqual(params);
    },
  );
});
