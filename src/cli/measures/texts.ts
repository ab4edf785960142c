import { readCorpus } from "../../platform/node/corpus.ts";
import { decodeTokens } from "../../text/bytes.ts";
import type { Tokenizer } from "../../text/tokenizers/tokenizer.ts";
import { UsageError } from "../terminal/errors.ts";

/** A text to score. */
export interface ScoredText {
  readonly name: string;
  readonly tokens: Int32Array;
  /** In UTF-8. */
  readonly bytes: number;
}

/** Texts of two tokens or more, from files and folders that an option names. Throws UsageError for a shorter one, CorpusError. */
export async function readScoredTexts(
  option: string,
  paths: readonly string[],
  tokenizer: Tokenizer,
): Promise<ScoredText[]> {
  const texts = (await readCorpus(paths)).map(({ name, tokens }) => ({
    name,
    tokens: tokenizer.encode(decodeTokens(tokens)),
    bytes: tokens.length,
  }));
  const short = texts.find(({ tokens }) => tokens.length < 2);
  if (short) {
    const place = texts.length > 1 ? `${paths.join(", ")}: ${short.name}` : paths.join(", ");
    throw new UsageError(`${option}: ${place} has one token, and none after it to predict`);
  }
  return texts;
}
