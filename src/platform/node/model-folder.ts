import { existsSync } from "node:fs";
import { join } from "node:path";
import { loadModel } from "../../model/checkpoint.ts";
import { familyOf } from "../../model/families/index.ts";
import { MODEL_FILES } from "../../model/model-files.ts";
import type { LoadedModel } from "../../model/transformer.ts";
import type { TensorSource } from "../../tensor/source.ts";
import { readJson } from "./files.ts";
import { openTensorFile, openTensorIndex } from "./tensor-files.ts";

export { MODEL_FILES };

/**
 * Loads a model folder, whose weights are one file or the files that `model.safetensors.index.json` names. Throws
 * FileError when a file is missing, ConfigError when the config does not fit its schema, SafetensorsError when the
 * weights are broken or belong to another config.
 */
export async function loadModelFolder(folder: string): Promise<LoadedModel> {
  const configFile = join(folder, MODEL_FILES.config);
  const json = await readJson(configFile);
  const family = familyOf(json);
  const config = family.config(json, configFile);
  const { file, source } = await openWeights(folder);
  return loadModel(config, source, file, family);
}

// --- internal ---

/** The weights of a folder, and the file that names them in errors. */
async function openWeights(folder: string): Promise<{ file: string; source: TensorSource }> {
  const [whole, index] = [join(folder, MODEL_FILES.weights), join(folder, MODEL_FILES.weightsIndex)];
  if (!existsSync(whole) && existsSync(index)) return { file: index, source: await openTensorIndex(index) };
  return { file: whole, source: await openTensorFile(whole) };
}
