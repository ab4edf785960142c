import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { gradients } from "../autodiff/gradients.ts";
import { createRng } from "../base/random.ts";
import { evaluate, type NumericTensor } from "../engine/reference/reference.ts";
import { input, mean } from "../graph/builder.ts";
import { createGraph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { mixerSuite } from "../mixers/testing/mixer.suite.ts";
import type { ParamSpec } from "../nn/spec.ts";
import { loadModelFolder, MODEL_FILES } from "../platform/node/model-folder.ts";
import { bytesOf, intTensor, sizeOf, type FloatTensor, type HostTensor } from "../tensor/host-tensor.ts";
import { flatten, type Flat } from "../tensor/tree.ts";
import { encodeWeights } from "./checkpoint.ts";
import { parseModelConfig, type ModelConfig, type ModelConfigInput } from "./config.ts";
import { forwardFlops, parameterCount, stateBytes } from "./cost.ts";
import { mixedLayers } from "./fixtures.ts";
import { gatesOf } from "./gates.ts";
import { layerInputs, parameterInputs } from "./inputs.ts";
import { layersOf } from "./layers.ts";
import { hasMemory, lookIntoModel, noTraces } from "./look.ts";
import { layerStack } from "./stack.ts";
import { createModel, freshParams } from "./transformer.ts";

/* Models of which the layers differ. */

const N = 4;
const V = 11;

const { layers: _layers, mixer: _mixer, ...shape } = mixedLayers;
const narrow: ModelConfigInput = {
  modelDim: 6,
  numLayers: 2,
  numHeads: 2,
  headDim: 4,
  feedForwardDim: 8,
  segmentLength: N,
  memory: { heads: [0] },
};
const mixed = parseModelConfig(mixedLayers);

mixerSuite("a recurrent layer and a memory of one head", {
  mixer: layerStack(parseModelConfig({ ...narrow, layers: [{ mixer: { kind: "gated-deltanet" } }, {}] })),
  modelDim: 6,
  segmentLength: N,
});

describe("a model of which the layers differ", () => {
  const model = createModel(mixed);
  const params = freshParams(model, createRng(3));

  it("has in each layer what the config says", () => {
    expect(layersOf(mixed)).toMatchObject([
      { kind: "window", windowLength: 8, sinks: 1 },
      { kind: "infini", memory: { update: "token-delta", featureMap: "silu-l2" } },
      { kind: "infini", memory: { update: "token-delta", heads: [1] } },
      { kind: "mamba2", headDim: 4, stateDim: 4 },
    ]);
    expect(params.blocks["0"]?.attention).not.toHaveProperty("write");
    expect(flatten<FloatTensor>(params)["blocks.1.attention.gate"]?.shape).toEqual([4]);
    expect(flatten<FloatTensor>(params)["blocks.2.attention.gate"]?.shape).toEqual([2]);
    expect(params.blocks["3"]?.attention).toHaveProperty("outputGate");
  });

  it("has a gradient at every weight of every layer", () => {
    const tokens = randomTokens(2, 3 * N, 1);
    const targets = randomTokens(2, 3 * N, 2);
    const weights = parameterInputs(params);
    const state = layerInputs(model.initialState(2), "state");
    const { hidden } = model.apply(weights, input("tokens", tokens.shape, "int32"), state);
    const loss = mean(model.losses(weights, hidden, input("targets", targets.shape, "int32")), [0, 1]);
    const sources = flatten<Tensor>(weights);
    const slopes = gradients(loss, Object.values(sources));
    const byName = Object.fromEntries(slopes.map((slope, i) => [Object.keys(sources)[i] ?? "", slope]));
    const found = evaluate(createGraph(byName), { ...feedsOf(mixed, 2), tokens, targets });
    for (const [name, { data }] of Object.entries(found)) {
      expect(data.every(Number.isFinite), name).toBe(true);
      expect(
        data.some((value) => value !== 0),
        name,
      ).toBe(true);
    }
    expect(Object.keys(found).length).toBe(Object.keys(flatten<ParamSpec>(model.specs)).length);
  });

  it("counts its weights, its state and its work layer by layer", () => {
    const alone = layersOf(mixed).map((layer) => {
      const { kind, ...options } = layer;
      const one = kind === "infini" ? options : { mixer: layer };
      return parseModelConfig({ ...shape, numLayers: 1, ...one });
    });
    const shared = V * 8 + 8; // embedding and final norm
    expect(parameterCount(mixed)).toBe(shared + sum(alone.map((one) => parameterCount(one) - shared)));
    expect(stateBytes(mixed, 3)).toBe(sum(alone.map((one) => stateBytes(one, 3))));
    expect(forwardFlops(mixed)).toBe(2 * V * 8 + sum(alone.map((one) => forwardFlops(one) - 2 * V * 8)));
    const [, all, half] = alone.map((one) => createModel(one).initialState(1)["0"]);
    const memoryOf = (state: object | undefined): number =>
      bytesOf(flatten<FloatTensor>(state ?? {})["memory.M"]?.shape ?? []);
    expect(memoryOf(all)).toBe(2 * memoryOf(half));
  });

  it("comes back from its folder", async () => {
    const folder = await temporary();
    await writeFile(join(folder, MODEL_FILES.config), JSON.stringify(mixed));
    await writeFile(join(folder, MODEL_FILES.weights), encodeWeights(flatten<FloatTensor>(params)));
    const loaded = await loadModelFolder(folder);
    expect(loaded.model.config).toEqual(mixed);
    expect(flatten<FloatTensor>(loaded.params)).toEqual(flatten<FloatTensor>(params));
  });

  it("shows the gates of all heads, 0 where there is no memory", () => {
    expect(gatesOf({ model, params })).toEqual([
      [0, 0, 0, 0],
      [0.5, 0.5, 0.5, 0.5],
      [0, 0, 0.5, 0.5],
      [0, 0, 0, 0],
    ]);
  });

  it("can be looked into where there is a memory, by the pass of the model", () => {
    expect(hasMemory(mixed)).toBe(true);
    const weights = parameterInputs(params);
    const [tokens, states] = [input("tokens", [1, N], "int32"), layerInputs(model.initialState(1), "state")];
    const traces = noTraces(mixed, 2);
    expect(Object.keys(traces)).toEqual(["1", "2"]);
    const symbols = layerInputs(traces, "traces") as Parameters<typeof lookIntoModel>[4];
    const look = lookIntoModel(mixed, weights, tokens, states, symbols);
    expect(Object.keys(look.layers)).toEqual(["1", "2"]);
    const plain = model.apply(weights, tokens, states);
    const feeds = { ...feedsOf(mixed, 1), tokens: randomTokens(1, N, 1) };
    expect(evaluate(createGraph({ hidden: look.hidden, ...flatten<Tensor>(look.state, "next") }), feeds)).toEqual(
      evaluate(createGraph({ hidden: plain.hidden, ...flatten<Tensor>(plain.state, "next") }), feeds),
    );
    const { gate, memoryShare } = look.layers["2"] ?? {};
    if (!gate || !memoryShare) throw new Error("the layer shows nothing");
    const shown = evaluate(createGraph({ gate, memoryShare }), feeds);
    expect(Array.from(shown.gate?.data ?? [])).toEqual(range(4 * N).map((i) => (i < 2 * N ? 0 : 0.5)));
    expect(Array.from(shown.memoryShare?.data ?? []).slice(0, 2 * N)).toEqual(range(2 * N).map(() => 0));
  });
});

describe("layersOf", () => {
  it("is the model's own mixing in every layer without a list, and with one that leaves it", () => {
    for (const layers of [{}, { layers: range(4).map(() => ({})) }]) {
      expect(kindsOf(parseModelConfig({ ...shape, ...layers }))).toEqual(range(4).map(() => "infini"));
      const deltaNet = parseModelConfig({ ...shape, mixer: { kind: "gated-deltanet" }, ...layers });
      expect(kindsOf(deltaNet)).toEqual(range(4).map(() => "gated-deltanet"));
    }
  });

  it("is one layer with a store and a cache in the others for a Memorizing Transformer", () => {
    const config = parseModelConfig({ ...shape, mixer: { kind: "memorizing", storeSize: 8, topK: 3 } });
    expect(kindsOf(config)).toEqual(["infini", "infini", "memorizing", "infini"]);
    expect(layersOf(config)[0]).toMatchObject({ memory: { update: "none", shift: "none", cache: true } });
  });
});

describe("a config whose layers differ", () => {
  it("comes back unchanged through JSON", () => {
    expect(parseModelConfig(JSON.parse(JSON.stringify(mixed)))).toEqual(mixed);
  });

  it("adds nothing to a config of layers that do not", () => {
    expect(Object.keys(parseModelConfig(shape))).not.toContain("layers");
    expect(Object.keys(parseModelConfig(shape).memory)).not.toContain("heads");
  });

  const four = (entry: object): object => ({ layers: [{}, {}, {}, entry] });
  it.each<[string, object, string]>([
    ["too few layers", { layers: [{}] }, "layers: must have an entry for each of the numLayers layers"],
    ["a mixer and a memory", four({ mixer: { kind: "gated-deltanet" }, memory: {} }), "layers.3.memory: "],
    ["a memory that is wrong", four({ memory: { update: "hebbian" } }), "layers.3.memory.update: "],
    [
      "a misspelt key",
      four({ memory: { featuremap: "dpfp" } }),
      'unknown key "layers.3.memory.featuremap" (did you mean "featureMap"?)',
    ],
    ["a mixer of all layers in one", four({ mixer: { kind: "recurrent-memory", memoryTokens: 2 } }), "layers.3.mixer"],
    [
      "a mixer that the model cannot have",
      four({ mixer: { kind: "transformer-xl" } }),
      "layers.3.mixer: numKeyValueHeads",
    ],
    [
      "the layer of a store",
      four({ mixer: { kind: "memorizing", storeSize: 8, memoryLayer: 1 } }),
      'unknown key "layers.3.mixer.memoryLayer"',
    ],
    ["a head that is not there", four({ memory: { heads: [2] } }), "layers.3.memory: heads names head 2"],
    ["a head of all layers that is not there", { memory: { heads: [0, 5] } }, "memory: heads names head 5"],
    ["a head named twice", { memory: { heads: [1, 1] } }, "memory.heads: must name each head once"],
    ["no head", { memory: { heads: [] } }, "memory.heads: "],
    ["half a head", { memory: { heads: [0.5] } }, "memory.heads.0: "],
    ["heads without a memory", { memory: { update: "none", heads: [0] } }, "memory.heads: "],
    [
      "a list beside a mixer of all layers",
      { mixer: { kind: "recurrent-memory", memoryTokens: 2 }, ...four({}) },
      "layers: must be left out with recurrent-memory",
    ],
  ])("refuses %s", (_, changes, problem) => {
    expect(() => parseModelConfig({ ...shape, ...changes })).toThrow(problem);
  });
});

// --- internal ---

const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

async function temporary(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "layers-"));
  folders.push(folder);
  return folder;
}

function kindsOf(config: ModelConfig): string[] {
  return layersOf(config).map(({ kind }) => kind);
}

/** Fresh weights and an empty past. */
function feedsOf(config: ModelConfig, batch: number): Flat<NumericTensor> {
  const model = createModel(config);
  return {
    ...flatten<FloatTensor>(freshParams(model, createRng(3)), "params"),
    ...flatten<FloatTensor>(model.initialState(batch), "state"),
  };
}

function randomTokens(batch: number, length: number, seed: number): HostTensor {
  const rng = createRng(seed);
  const data = Int32Array.from({ length: sizeOf([batch, length]) }, () => rng.integer(V));
  return intTensor([batch, length], data);
}

function range(length: number): number[] {
  return Array.from({ length }, (_, i) => i);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
