import { loadModel, MODEL_FILES, parseModelConfig, type LoadedModel } from "infini-transformer/model";
import { fetchModelFolder, type WebDevice, type WebEngine } from "infini-transformer/web";
import { openEngine } from "./open-engine.ts";

/** The files of a model folder that make up a model, by name. */
export type ModelFiles = Readonly<Record<(typeof MODEL_FILES)["config" | "weights"], Uint8Array>>;

/** Where a model is: the URL of a model folder, or its files. */
export type ModelSource = string | ModelFiles;

export interface OpenedModel {
  readonly loaded: LoadedModel;
  readonly engine: WebEngine;
}

/** A model and its engine. Throws as `fetchModelFolder` does. */
export async function openModel(source: ModelSource, device: WebDevice | undefined): Promise<OpenedModel> {
  const [loaded, engine] = await Promise.all([
    typeof source === "string" ? fetchModelFolder(source) : loadFiles(source),
    openEngine(device),
  ]);
  return { loaded, engine };
}

// --- internal ---

function loadFiles(files: ModelFiles): Promise<LoadedModel> {
  const config: unknown = JSON.parse(new TextDecoder().decode(files[MODEL_FILES.config]));
  return loadModel(parseModelConfig(config, MODEL_FILES.config), files[MODEL_FILES.weights], MODEL_FILES.weights);
}
