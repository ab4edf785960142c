import { readsBytes } from "../text/tokenizers/tokenizer.ts";
import type { LoadedModel } from "../model/transformer.ts";
import { loadModelFolder } from "../platform/node/model-folder.ts";
import { UsageError } from "./terminal/errors.ts";

/** Loads a model for prompts that are written in bytes. Throws UsageError when its tokens are others. */
export async function loadByteModel(folder: string, prompts: string): Promise<LoadedModel> {
  const loaded = await loadModelFolder(folder);
  const { config } = loaded.model;
  if (!readsBytes(config))
    throw new UsageError(`${folder}: its tokenizer is ${config.tokenizer}, but ${prompts} are for models of bytes`);
  return loaded;
}
