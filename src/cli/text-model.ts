import type { LoadedModel } from "../model/transformer.ts";
import { loadModelFolder } from "../platform/node/model-folder.ts";
import { loadTokenizer } from "../platform/node/tokenizer-file.ts";
import type { Tokenizer } from "../text/tokenizers/tokenizer.ts";

export interface TextModel {
  readonly loaded: LoadedModel;
  readonly tokenizer: Tokenizer;
}

/** A model and its tokenizer. Throws what `loadModelFolder` and `loadTokenizer` throw. */
export async function loadTextModel(folder: string): Promise<TextModel> {
  const loaded = await loadModelFolder(folder);
  return { loaded, tokenizer: await loadTokenizer(loaded.model.config, folder) };
}
