import { describe, expect, it } from "vitest";
import { createRng } from "../../base/random.ts";
import { transposed } from "../../nn/init.ts";
import type { ParamSpec } from "../../nn/spec.ts";
import { floatTensor, intTensor, zeros, type FloatTensor, type HostTensor } from "../../tensor/host-tensor.ts";
import { fromFloat32, toFloat32 } from "../../tensor/number-types.ts";
import { SafetensorsError } from "../../tensor/safetensors.ts";
import { memorySource, type TensorSource } from "../../tensor/source.ts";
import { flatten, type Flat } from "../../tensor/tree.ts";
import { parseModelConfig } from "../config.ts";
import { createModel, freshParams } from "../transformer.ts";
import type { Family } from "./family.ts";
import { FAMILIES, familyOf } from "./index.ts";
import { infiniFamily } from "./infini.ts";
import { loadWeights } from "./load-weights.ts";

const json = {
  vocabularySize: 11,
  modelDim: 8,
  numLayers: 2,
  numHeads: 2,
  headDim: 4,
  feedForwardDim: 12,
  segmentLength: 4,
  tieEmbeddings: false,
};
const model = createModel(parseModelConfig(json));
const specs = flatten<ParamSpec>(model.specs);
const params = freshParams(model, createRng(1));
const flat = flatten<FloatTensor>(params);
const QUERY = "blocks.0.attention.query";
const current = { version: "2" };
const load = (tensors: Flat<HostTensor>, metadata: Readonly<Record<string, string>> = current, family = infiniFamily) =>
  loadWeights(model, family, memorySource(tensors, metadata), createRng(2), "folder/model.safetensors");

describe.each(FAMILIES)("the family $name", (family) => {
  it("writes every parameter under names of its own, which it finds again", async () => {
    const names = Object.keys(flat).flatMap((path) => family.names(path));
    expect(new Set(names).size).toBe(names.length);
    const entries = Object.entries(flat).map(([path, value]) => [family.names(path)[0], value] as const);
    expect(await load(Object.fromEntries(entries), current, family)).toEqual(params);
  });

  it("turns matrices of files that have them as [in, out], and nothing else", async () => {
    const turned = Object.entries(flat).map(([path, value]) => [
      family.names(path)[0],
      specs[path]?.role === "matrix" ? transposed(value) : value,
    ]);
    expect(family.isTransposed({})).toBe(true);
    expect(await load(Object.fromEntries(turned) as Flat<HostTensor>, {}, family)).toEqual(params);
  });
});

describe("weights of a family", () => {
  it("are float32, whatever type with fractions they are stored in", async () => {
    const half = Object.fromEntries(Object.entries(flat).map(([name, value]) => [name, fromFloat32(value, "float16")]));
    const loaded = flatten<FloatTensor>(await load(half));
    for (const [name, value] of Object.entries(half)) expect(loaded[name]).toEqual(toFloat32(value));
  });

  it("may be rows of several tensors, and begin as in training where the family says so", async () => {
    const split: Family = {
      ...infiniFamily,
      names: (path) => (path === QUERY ? ["upper", "lower"] : [path]),
      fresh: (path) => path.endsWith(".gate"),
    };
    const { [QUERY]: query = zeros([0]), ...rest } = flat;
    const parts = {
      upper: floatTensor([3, 8], query.data.slice(0, 24)),
      lower: floatTensor([5, 8], query.data.slice(24)),
    };
    const without = Object.entries(rest).filter(([name]) => !name.endsWith("attention.gate"));
    const loaded = await load({ ...Object.fromEntries(without), ...parts }, current, split);
    expect(loaded).toEqual(params); // gates begin at one value
    const wrong = { ...rest, ...parts, lower: zeros([4, 8]) };
    await expect(load(wrong, current, split)).rejects.toThrow(
      'folder/model.safetensors: "upper" and "lower" must have shape [8, 8], has [3, 8] and [4, 8]',
    );
  });

  const { [QUERY]: _, ...lacking } = flat;
  it.each<[string, Flat<HostTensor>, Readonly<Record<string, string>>, string]>([
    ["one is missing", lacking, current, `lacks "${QUERY}"`],
    ["one is not asked for", { ...flat, extra: zeros([1]) }, current, '"extra" is not part of this config'],
    [
      "one is of whole numbers",
      { ...flat, [QUERY]: intTensor([8, 8], new Int32Array(64)) },
      current,
      `"${QUERY}" is int32`,
    ],
    [
      "one has another shape",
      { ...flat, head: zeros([8, 11]) },
      current,
      '"head" must have shape [11, 8], has [8, 11]',
    ],
    [
      "one of the first format has",
      { ...flat, [QUERY]: zeros([8, 9]) },
      {},
      `"${QUERY}" must have shape [8, 8], has [8, 9]`,
    ],
  ])("are refused, by file and name and before any is read, where %s", async (__, tensors, metadata, message) => {
    let read = 0;
    const source: TensorSource = {
      ...memorySource(tensors, metadata),
      read: async () => {
        read++;
        throw new Error("too early");
      },
    };
    const loading = loadWeights(model, infiniFamily, source, createRng(2), "folder/model.safetensors");
    await expect(loading).rejects.toThrow(SafetensorsError);
    await expect(loading).rejects.toThrow(`folder/model.safetensors: ${message}`);
    expect(read).toBe(0);
  });
});

it("is refused where an element is not finite, by name and place", async () => {
  const broken = (value: number): Flat<HostTensor> => {
    const { shape, data } = flat[QUERY] ?? zeros([0]);
    return { ...flat, [QUERY]: floatTensor(shape, data.with(5, value)) };
  };
  for (const value of [Number.NaN, Infinity, -Infinity]) {
    const message = `folder/model.safetensors: "${QUERY}" has an element that is not finite, the one at 5`;
    await expect(load(broken(value))).rejects.toThrow(message);
  }
});

describe("familyOf", () => {
  it("is ours for our config, and for what nobody claims, so that our schema says what is wrong", () => {
    expect(familyOf(json)).toBe(infiniFamily);
    expect(familyOf(null)).toBe(infiniFamily);
    expect(() => familyOf({ model_type: "x" }).config({ model_type: "x" }, "config.json")).toThrow(/config.json: /);
  });
});
