import { join } from "node:path";
import { loadModel } from "../model/checkpoint.ts";
import { parseModelConfig } from "../model/config.ts";
import type { LoadedModel } from "../model/transformer.ts";
import { readBytes, readJson } from "./files.ts";

/** Names of the files of a model folder, in the layout of the Hugging Face hub. */
export const MODEL_FILES = {
  config: "config.json",
  weights: "model.safetensors",
  training: "training.json",
  /** Only where the tokenizer is one of Hugging Face. */
  tokenizer: "tokenizer.json",
} as const;

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
