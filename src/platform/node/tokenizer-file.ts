import { join, resolve } from "node:path";
import { gpt2Tokenizer } from "../../text/tokenizers/gpt2.ts";
import { huggingFaceTokenizer } from "../../text/tokenizers/hugging-face.ts";
import { byteTokenizer, checkVocabulary, type Tokenizer } from "../../text/tokenizers/tokenizer.ts";
import type { ModelConfig } from "../../model/config.ts";
import { readBytes, readJson, writeAtomically } from "./files.ts";
import { MODEL_FILES } from "./model-folder.ts";

/** Tokenizers that need no file. Each is loaded when requested. */
const BUILT_IN: Readonly<Record<string, () => Promise<Tokenizer>>> = {
  bytes: async () => byteTokenizer,
  gpt2: gpt2Tokenizer,
};

/**
 * The tokenizer of a model; a file is looked for in `folder`. Throws FileError when it is missing, ConfigError when it
 * is broken or has more tokens than the model.
 */
export async function loadTokenizer(
  { tokenizer = "bytes", vocabularySize }: ModelConfig,
  folder: string,
): Promise<Tokenizer> {
  const builtIn = BUILT_IN[tokenizer];
  const file = resolve(folder, tokenizer);
  const loaded = builtIn ? await builtIn() : await huggingFaceTokenizer(await readJson(file), file);
  checkVocabulary(loaded, vocabularySize);
  return loaded;
}

/** The name of the file of a tokenizer, within the folder where it is looked for; undefined if it needs none. */
export function tokenizerFile({ tokenizer = "bytes" }: ModelConfig, folder: string): string | undefined {
  return BUILT_IN[tokenizer] ? undefined : resolve(folder, tokenizer);
}

/**
 * Copies the file of a tokenizer, if it has one, to a model folder. Returns the config for that folder.
 * Throws FileError.
 */
export async function copyTokenizer(config: ModelConfig, from: string, to: string): Promise<ModelConfig> {
  const file = tokenizerFile(config, from);
  if (file === undefined) return config;
  await writeAtomically(join(to, MODEL_FILES.tokenizer), await readBytes(file));
  return { ...config, tokenizer: MODEL_FILES.tokenizer };
}
