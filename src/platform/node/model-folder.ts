import { join } from "node:path";
import { loadModel } from "../../model/checkpoint.ts";
import { familyOf } from "../../model/families/index.ts";
import { MODEL_FILES } from "../../model/model-files.ts";
import type { LoadedModel } from "../../model/transformer.ts";
import { readJson } from "./files.ts";
import { openTensorFile } from "./tensor-files.ts";

export { MODEL_FILES };

/**
 * Loads a model folder. Throws FileError when a file is missing, ConfigError when the config does not fit its
 * schema, SafetensorsError when the weights are broken or those of another config.
 */
export async function loadModelFolder(folder: string): Promise<LoadedModel> {
  const configFile = join(folder, MODEL_FILES.config);
  const weightsFile = join(folder, MODEL_FILES.weights);
  const json = await readJson(configFile);
  const family = familyOf(json);
  return loadModel(family.config(json, configFile), await openTensorFile(weightsFile), weightsFile, family);
}
