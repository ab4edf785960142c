import { loadModel } from "../../model/checkpoint.ts";
import { familyOf } from "../../model/families/index.ts";
import { MODEL_FILES } from "../../model/model-files.ts";
import type { LoadedModel } from "../../model/transformer.ts";
import { fetchFile } from "./fetch-file.ts";

/**
 * Loads a model folder from a web server.
 *
 * @param folder Its absolute URL, with or without a trailing slash.
 * @throws {Error} when a file cannot be fetched; ConfigError and SafetensorsError as `loadModelFolder` does.
 */
export async function fetchModelFolder(folder: string | URL): Promise<LoadedModel> {
  const base = String(folder).replace(/\/?$/, "/");
  const [configFile, weightsFile] = [new URL(MODEL_FILES.config, base), new URL(MODEL_FILES.weights, base)];
  const [config, weights] = await Promise.all([fetchFile(configFile), fetchFile(weightsFile)]);
  const json: unknown = JSON.parse(new TextDecoder().decode(config));
  const family = familyOf(json);
  return loadModel(family.config(json, configFile.href), weights, weightsFile.href, family);
}
