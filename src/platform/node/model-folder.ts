import { join } from "node:path";
import { loadModel } from "../../model/checkpoint.ts";
import { parseModelConfig } from "../../model/config.ts";
import { MODEL_FILES } from "../../model/model-files.ts";
import type { LoadedModel } from "../../model/transformer.ts";
import { readBytes, readJson } from "./files.ts";

export { MODEL_FILES };

/**
 * Loads a model folder. Throws FileError when a file is missing, ConfigError when the config does not fit its
 * schema, SafetensorsError when the weights are broken or those of another config.
 */
export async function loadModelFolder(folder: string): Promise<LoadedModel> {
  const configFile = join(folder, MODEL_FILES.config);
  const weightsFile = join(folder, MODEL_FILES.weights);
  const config = parseModelConfig(await readJson(configFile), configFile);
  return loadModel(config, await readBytes(weightsFile), weightsFile);
}
