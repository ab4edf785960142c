import { describe, expect, it } from "vitest";
import { MEMORY_UPDATES } from "../mixers/infini/config.ts";
import { createNodeEngine } from "../engine/ort/ort-node.ts";
import { createSession } from "../runtime/session.ts";
import { input } from "../graph/builder.ts";
import { createGraph } from "../graph/graph.ts";
import { optimize } from "../graph/passes/optimize.ts";
import { sizeOf, type FloatTensor } from "../tensor/host-tensor.ts";
import { isOp, type Tensor } from "../graph/tensor.ts";
import { flatten } from "../tensor/tree.ts";
import { createRng } from "../base/random.ts";
import { parseRunConfig } from "../train/config.ts";
import { presets } from "../train/presets.ts";
import { parseModelConfig, type ModelConfig, type ModelConfigInput } from "./config.ts";
import { forwardFlops, keyValueCacheBytes, memoryFootprints, parameterCount, stateBytes } from "./cost.ts";
import { tinyMixers } from "./fixtures.ts";
import { layerInputs, parameterInputs } from "./inputs.ts";
import { decodeSafetensors } from "../tensor/safetensors.ts";
import { createModel, freshParams } from "./transformer.ts";

const memories: NonNullable<ModelConfigInput["memory"]>[] = [
  ...MEMORY_UPDATES.flatMap((update) => [{ update }, { update, shift: "none" as const }]),
  { update: "linear", featureMap: "dpfp", gate: "token" },
  { update: "delta", featureMap: "softmax", cache: true },
  { update: "token-delta", featureMap: "dpfp", shift: "convolution" },
  { update: "gated-token-delta", cache: true, gate: "token" },
  { update: "linear", heads: [1] },
  { update: "token-delta", heads: [0], gate: "token" },
];
const variants: [string, ModelConfig][] = memories.flatMap((memory): [string, ModelConfig][] => [
  [JSON.stringify(memory), configOf({ memory })],
  [
    `${JSON.stringify(memory)}, untied, shared keys and values`,
    configOf({ memory, tieEmbeddings: false, numKeyValueHeads: 2, numLayers: 3 }),
  ],
]);

const mixed: [string, ModelConfig][] = tinyMixers.map((mixer) => [
  JSON.stringify(mixer),
  configOf({ mixer, segmentLength: 4, numLayers: 3 }),
]);

describe("parameterCount", () => {
  it.each([...variants, ...mixed])("counts the weights that there are: %s", (_, config) => {
    const params = freshParams(createModel(config), createRng(0));
    const counted = Object.values(flatten<FloatTensor>(params)).reduce((total, { data }) => total + data.length, 0);
    expect(parameterCount(config)).toBe(counted);
  });

  it("differs by the head where embeddings are not tied", () => {
    const untied = parameterCount(configOf({ tieEmbeddings: false }));
    expect(untied - parameterCount(configOf({ tieEmbeddings: true }))).toBe(19 * 12);
  });
});

describe("stateBytes", () => {
  it.each([...variants, ...mixed])("counts what a session keeps, after any number of tokens: %s", async (_, config) => {
    const model = createModel(config);
    const params = freshParams(model, createRng(0));
    const session = createSession({ loaded: { model, params }, engine: await engine, batch: 2 });
    expect(session.stateBytes).toBe(stateBytes(config, 2));
    for (const length of [3, config.segmentLength + 4]) {
      await session.prefill([tokens(length), tokens(length)]);
      const { tensors } = decodeSafetensors(await session.save(), "session");
      const kept = Object.values(tensors).reduce((total, { data }) => total + data.byteLength, 0);
      expect(kept).toBe(stateBytes(config, 2));
    }
    await session.dispose();
  });

  it("grows with lanes, and with nothing else but the config", () => {
    const config = configOf({ memory: { update: "linear", shift: "none" } });
    // Memory and normalizer, keys and values of the open segment, and how many were written.
    const perHead = 6 * 6 + 6 + 2 * 5 * 6;
    expect(stateBytes(config)).toBe(4 * 2 * (4 * perHead + 1));
    expect(stateBytes(config, 3)).toBe(3 * stateBytes(config));
  });
});

describe("keyValueCacheBytes", () => {
  it("holds a key and a value of each key/value head for every token", () => {
    expect(keyValueCacheBytes(configOf({ numKeyValueHeads: 2 }), 1000)).toBe(4 * 2 * 2 * 2 * 6 * 1000);
  });
});

describe("forwardFlops", () => {
  it.each(variants)("is near the matrix products of the graph: %s", (_, variant) => {
    const config = { ...variant, modelDim: 64, headDim: 32, feedForwardDim: 96, segmentLength: 64 };
    const counted = matrixProducts(config, 2 * config.segmentLength) / (2 * config.segmentLength);
    expect(forwardFlops(config) / counted).toBeGreaterThan(0.9);
    expect(forwardFlops(config) / counted).toBeLessThan(1.1);
  });
});

describe("memoryFootprints", () => {
  const paper = parseRunConfig(presets["paper-lm"]).model;
  const entries = (config: ModelConfig, options = {}): Record<string, number> =>
    Object.fromEntries(
      memoryFootprints(config, options).map(({ architecture, entries: count }) => [architecture, count]),
    );

  it("gives the sizes of table 2 of the paper", () => {
    const sizes = entries(paper);
    expect(sizes["Transformer-XL"]).toBe(50_331_648);
    expect(sizes["Memorizing Transformers"]).toBe(183_451_648);
    expect(sizes["Recurrent Memory Transformer"]).toBe(2_457_600);
    expect(sizes["Infini-Transformer"]).toBe(1_585_152);
    const ratio = 183 / ((sizes["Infini-Transformer"] ?? 0) / 1e6);
    expect(ratio).toBeGreaterThan(114);
    expect(ratio).toBeLessThan(116);
  });

  it("follows the formulas of table 1", () => {
    const config = configOf({ numKeyValueHeads: 4 });
    const options = { storeSize: 1000, promptVectors: 7, compressedLength: 11, segments: 3 };
    expect(entries(config, options)).toEqual({
      "Transformer-XL": 12 * 4 * 5 * 2,
      "Compressive Transformer": 12 * (11 + 5) * 2,
      "Memorizing Transformers": 12 * 4 * 5 * 2 + 12 * 4 * 1000,
      "Recurrent Memory Transformer": 12 * 7 * 2 * 2,
      AutoCompressors: 12 * 7 * 4 * 2,
      "Infini-Transformer": 6 * 7 * 4 * 2,
    });
  });

  it("agrees with what the published memories really are", () => {
    for (const update of ["linear", "delta"] as const) {
      const config = configOf({ memory: { update, shift: "none" } });
      const state = Object.entries(flatten<FloatTensor>(createModel(config).initialState(1)));
      const real = state
        .filter(([name]) => name.includes(".memory."))
        .reduce((total, [, { data }]) => total + data.length, 0);
      expect(entries(config)["Infini-Transformer"]).toBe(real);
    }
  });
});

// --- internal ---

const engine = createNodeEngine({ threads: 1 });

function configOf(changes: Partial<ModelConfigInput>): ModelConfig {
  return parseModelConfig({
    vocabularySize: 19,
    modelDim: 12,
    numLayers: 2,
    numHeads: 4,
    headDim: 6,
    feedForwardDim: 14,
    segmentLength: 5,
    ...changes,
  });
}

function tokens(length: number): Int32Array {
  return Int32Array.from({ length }, (_, i) => i % 19);
}

/** Floating-point operations of every matrix product in the forward pass over so many tokens. */
function matrixProducts(config: ModelConfig, length: number): number {
  const model = createModel(config);
  const params = parameterInputs(freshParams(model, createRng(0)));
  const { hidden, state } = model.apply(
    params,
    input("tokens", [1, length], "int32"),
    layerInputs(model.initialState(1), "state"),
  );
  const graph = optimize(createGraph({ logits: model.logits(params, hidden), ...flatten<Tensor>(state, "next") }));
  return graph.nodes
    .filter((node) => isOp(node, "matmul"))
    .reduce((total, { shape, inputs }) => total + 2 * sizeOf(shape) * (inputs[0]?.shape.at(-1) ?? 0), 0);
}
