import { beforeAll, describe, expect, it } from "vitest";
import { createRng } from "../base/random.ts";
import type { Engine } from "../engine/engine.ts";
import { createNodeEngine } from "../engine/ort/ort-node.ts";
import { parseModelConfig, type ModelConfigInput } from "../model/config.ts";
import { tinyMixers } from "../model/fixtures.ts";
import { storeModel } from "../model/store-model.ts";
import {
  createModel,
  freshParams,
  type LoadedModel,
  type ModelParams,
  type StoredModel,
} from "../model/transformer.ts";
import type { StoredWeight, WeightStorage } from "../nn/weight-storage.ts";
import { dequantizeBlocks } from "../tensor/blocks.ts";
import type { FloatTensor, HostTensor } from "../tensor/host-tensor.ts";
import { toFloat32 } from "../tensor/number-types.ts";
import { flatten } from "../tensor/tree.ts";
import { randomTokens } from "./fixtures.ts";
import { createRuntime } from "./runtime.ts";

const STORAGES: readonly WeightStorage[] = [
  { dtype: "float16" },
  { dtype: "bfloat16" },
  { bits: 8 },
  { bits: 4 },
  { bits: 4, zeroPoints: true },
];
const MIXINGS: readonly Pick<ModelConfigInput, "memory" | "mixer">[] = [
  { memory: { update: "gated-token-delta", cache: true, shift: "convolution" } },
  ...tinyMixers.map((mixer) => ({ mixer })),
];

let engine: Engine;
beforeAll(async () => {
  engine = await createNodeEngine({ threads: 1 });
});

describe.each(MIXINGS)("weights of %j", (mixing) => {
  const loaded = wideModel(mixing);

  it.each(STORAGES)("read as the numbers that they stand for: %j", async (storage) => {
    const stored = storeModel(loaded, storage);
    const [actual, expected] = [await lossesOf(stored), await lossesOf(inFloat32(stored))];
    expect(actual.length).toBe(10);
    actual.forEach((loss, i) => expect(Math.abs(loss - (expected[i] ?? NaN))).toBeLessThan(1e-4));
    // and they differ from the original weights
    expect(actual).not.toEqual(await lossesOf(loaded));
    expect(bytesOf(stored)).toBeLessThan(0.6 * bytesOf(loaded));
  });
});

// --- internal ---

/** A small random model with rows of whole blocks. */
function wideModel(mixing: (typeof MIXINGS)[number]): LoadedModel {
  const config = parseModelConfig({
    vocabularySize: 20,
    modelDim: 32,
    numLayers: 2,
    numHeads: 2,
    numKeyValueHeads: mixing.mixer?.kind === "transformer-xl" ? 2 : 1,
    headDim: 16,
    feedForwardDim: 64,
    segmentLength: 4,
    tieEmbeddings: false,
    ...mixing,
  });
  const model = createModel(config);
  return { model, params: freshParams(model, createRng(3)) };
}

/** The same model with the numbers that its weights stand for in float32. */
function inFloat32({ model, params }: StoredModel): LoadedModel {
  const visit = (tree: object): object => {
    if ("shape" in tree) return toFloat32(tree as HostTensor);
    if ("blocks" in tree && "scales" in tree) return dequantizeBlocks(tree as Exclude<StoredWeight, HostTensor>);
    return Object.fromEntries(Object.entries(tree).map(([key, child]) => [key, visit(child as object)]));
  };
  return { model, params: visit(params) as ModelParams<FloatTensor> };
}

async function lossesOf(loaded: StoredModel): Promise<number[]> {
  const runtime = createRuntime({ loaded, engine });
  const lanes = runtime.lanes();
  const text = randomTokens(11);
  const [losses = new Float32Array()] = await lanes.read([text.subarray(0, 10)], "losses", {
    targets: [text.subarray(1)],
  });
  await lanes.dispose();
  await runtime.dispose();
  return [...losses];
}

function bytesOf({ params }: StoredModel): number {
  return Object.values(flatten<HostTensor>(params)).reduce((total, { data }) => total + data.byteLength, 0);
}
