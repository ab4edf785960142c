import { ConfigError } from "../../base/parse-config.ts";
import { BYTE_VOCABULARY_SIZE, createStreamDecoder, decodeTokens, encodeText } from "../bytes.ts";
import type { Document, TextDocument, Tokens } from "../document.ts";

/** Text as tokens and back. */
export interface Tokenizer {
  readonly name: string;
  /** V: tokens are 0 to V - 1. */
  readonly vocabularySize: number;
  encode(text: string): Int32Array;
  decode(tokens: Iterable<number>): string;
  /** Decodes a stream: an incomplete character is held back until the next call. */
  streamDecoder(): (tokens: Iterable<number>) => string;
}

/** The bytes of UTF-8: what a model reads if its config names no tokenizer. */
export const byteTokenizer: Tokenizer = {
  name: "bytes",
  vocabularySize: BYTE_VOCABULARY_SIZE,
  encode: encodeText,
  decode: decodeTokens,
  streamDecoder: createStreamDecoder,
};

/** Whether the tokens of a model are bytes, by the `tokenizer` of its config. */
export function readsBytes({ tokenizer = byteTokenizer.name }: { readonly tokenizer?: string | undefined }): boolean {
  return tokenizer === byteTokenizer.name;
}

/** Throws ConfigError when a model has fewer tokens than a tokenizer writes. */
export function checkVocabulary({ name, vocabularySize }: Tokenizer, modelVocabularySize: number): void {
  if (vocabularySize <= modelVocabularySize) return;
  throw new ConfigError(
    `model.vocabularySize: is ${modelVocabularySize}, but the tokenizer ${name} has ${vocabularySize} tokens`,
  );
}

/** The tokens of a text given as bytes of UTF-8; the bytes themselves where these are the tokens. */
export function encodeBytes(bytes: Uint8Array, tokenizer: Tokenizer): Tokens {
  return tokenizer === byteTokenizer ? bytes : tokenizer.encode(decodeTokens(bytes));
}

/** Documents of bytes as those of a tokenizer. */
export function encodeDocuments(documents: readonly TextDocument[], tokenizer: Tokenizer): Document[] {
  return documents.map(({ name, tokens }) => ({ name, tokens: encodeBytes(tokens, tokenizer) }));
}
