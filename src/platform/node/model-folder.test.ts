import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createRng } from "../../base/random.ts";
import { encodeWeights } from "../../model/checkpoint.ts";
import { parseModelConfig } from "../../model/config.ts";
import { MODEL_FILES } from "../../model/model-files.ts";
import { createModel, freshParams } from "../../model/transformer.ts";
import type { FloatTensor } from "../../tensor/host-tensor.ts";
import { flatten } from "../../tensor/tree.ts";
import { FileError, toJson } from "./files.ts";
import { loadModelFolder } from "./model-folder.ts";

const config = parseModelConfig({
  modelDim: 8,
  numLayers: 2,
  numHeads: 2,
  headDim: 4,
  feedForwardDim: 12,
  segmentLength: 4,
});
const params = freshParams(createModel(config), createRng(1));
const weights = Object.entries(flatten<FloatTensor>(params));

let folder = "";
const at = (name: string): string => join(folder, name);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "model-"));
  await writeFile(at(MODEL_FILES.config), toJson(config));
});

afterEach(() => rm(folder, { recursive: true }));

it("reads weights in one file, and in several that an index names", async () => {
  const shards = { "a.safetensors": weights.slice(0, 5), "b.safetensors": weights.slice(5) };
  for (const [file, part] of Object.entries(shards)) await writeFile(at(file), encodeWeights(Object.fromEntries(part)));
  const places = Object.entries(shards).flatMap(([file, part]) => part.map(([name]) => [name, file] as const));
  await writeFile(at(MODEL_FILES.weightsIndex), toJson({ weight_map: Object.fromEntries(places) }));
  expect((await loadModelFolder(folder)).params).toEqual(params);
  await rm(at("b.safetensors"));
  await expect(loadModelFolder(folder)).rejects.toThrow(`${at("b.safetensors")}: there is no such file`);
  await writeFile(at(MODEL_FILES.weights), encodeWeights(Object.fromEntries(weights)));
  expect((await loadModelFolder(folder)).params).toEqual(params);
});

it("names the file of weights that is missing", async () => {
  await expect(loadModelFolder(folder)).rejects.toThrow(FileError);
  await expect(loadModelFolder(folder)).rejects.toThrow(`${at(MODEL_FILES.weights)}: there is no such file`);
});
