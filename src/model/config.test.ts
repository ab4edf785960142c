import { describe, expect, it } from "vitest";
import { parseModelConfig, type ModelConfigInput } from "./config.ts";
import { ConfigError } from "../base/parse-config.ts";

const minimal: ModelConfigInput = {
  modelDim: 16,
  numLayers: 2,
  numHeads: 4,
  headDim: 8,
  feedForwardDim: 32,
  segmentLength: 64,
};

const memoryDefaults = { gate: "head", gateInit: 0, shift: "token", cache: false, writeStrength: "hard-sigmoid" };

describe("parseModelConfig", () => {
  it("fills in what has a default", () => {
    expect(parseModelConfig(minimal)).toEqual({
      ...minimal,
      vocabularySize: 256,
      numKeyValueHeads: 4,
      tieEmbeddings: true,
      ropeBase: 10_000,
      normEpsilon: 1e-6,
      memory: { ...memoryDefaults, update: "token-delta", featureMap: "silu-l2" },
    });
  });

  it("fills in the rest of a memory that is given in part", () => {
    const { memory } = parseModelConfig({ ...minimal, memory: { update: "linear" } });
    expect(memory).toEqual({ ...memoryDefaults, update: "linear", featureMap: "elu-plus-one" });
  });

  it("gives a parsed config back unchanged, also through JSON", () => {
    const config = parseModelConfig({ ...minimal, numKeyValueHeads: 2, tieEmbeddings: false });
    expect(parseModelConfig(JSON.parse(JSON.stringify(config)))).toEqual(config);
  });

  it.each([1, 2, 4])("takes %i key/value heads for 4 heads", (numKeyValueHeads) => {
    expect(parseModelConfig({ ...minimal, numKeyValueHeads }).numKeyValueHeads).toBe(numKeyValueHeads);
  });

  it.each<[string, object, string]>([
    ["a misspelt key", { segmentLenght: 8 }, 'unknown key "segmentLenght" (did you mean "segmentLength"?)'],
    [
      "a misspelt key of the memory",
      { memory: { featuremap: "dpfp" } },
      'unknown key "memory.featuremap" (did you mean "featureMap"?)',
    ],
    ["a key like no other", { qqq: 1 }, 'unknown key "qqq"'],
    ["key/value heads that do not divide the heads", { numKeyValueHeads: 3 }, "numKeyValueHeads: must divide numHeads"],
    ["more key/value heads than heads", { numKeyValueHeads: 8 }, "numKeyValueHeads: must divide numHeads"],
    ["an odd head dimension", { headDim: 7 }, "headDim"],
    ["half a layer", { numLayers: 1.5 }, "numLayers"],
    ["no layers", { numLayers: 0 }, "numLayers"],
    ["a negative size", { modelDim: -16 }, "modelDim"],
    ["a size in words", { modelDim: "sixteen" }, "modelDim"],
    ["an unknown update", { memory: { update: "hebbian" } }, "memory.update"],
    [
      "features that can be negative in a rule that divides",
      { memory: { update: "delta", featureMap: "silu-l2" } },
      "memory.featureMap",
    ],
    ["an unknown shift", { memory: { shift: "left" } }, "memory.shift"],
    ["random taps without a convolution", { memory: { shiftInit: "random" } }, "memory.shiftInit"],
    ["a gate that is shut for good", { memory: { gateInit: -9 } }, "memory.gateInit"],
    ["a base of zero", { ropeBase: 0 }, "ropeBase"],
  ])("refuses %s", (_, changes, problem) => {
    const parse = (): unknown => parseModelConfig({ ...minimal, ...changes }, "folder/config.json");
    expect(parse).toThrow(ConfigError);
    expect(parse).toThrow(/^folder\/config\.json: /);
    expect(parse).toThrow(problem);
  });

  it("suggests nothing for a key like no other", () => {
    expect(() => parseModelConfig({ ...minimal, qqq: 1 })).not.toThrow("did you mean");
  });

  it.each(Object.keys(minimal))("does not do without %s", (key) => {
    const config = Object.fromEntries(Object.entries(minimal).filter(([name]) => name !== key));
    expect(() => parseModelConfig(config)).toThrow(new RegExp(`^model config: ${key}: `));
  });

  it.each([null, undefined, 7, "tiny", []])("refuses %j in place of a config", (value) => {
    expect(() => parseModelConfig(value)).toThrow(ConfigError);
  });

  it("names everything that is wrong at once", () => {
    expect(() => parseModelConfig({ ...minimal, numLayers: 0, headDim: 3, extra: 1 })).toThrow(
      /numLayers.*headDim.*"extra"/,
    );
  });
});
