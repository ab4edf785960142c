import { createRng } from "../base/random.ts";
import { wholeCharacters } from "../text/book-text.ts";
import { decodeTokens, encodeText } from "../text/bytes.ts";
import type { RecallSample, RecallTask } from "./recall.ts";

/** A book of numbered sentences, some with characters of several bytes, on lines of three. */
export const BOOK = Array.from(
  { length: 2000 },
  (_, i) => `“Sentence” number ${i + 1} is one of very many, as in a book.${i % 3 === 2 ? "\n" : " "}`,
).join("");

const BOOK_TOKENS = Uint8Array.from(encodeText(BOOK));

/** The sample of a seed in the given number of bytes, with {@link BOOK} as the book. */
export function sampleOf(task: RecallTask, bytes: number, seed: number): RecallSample {
  const rng = createRng(seed);
  const text = (size: number): string => {
    const start = rng.integer(BOOK_TOKENS.length - size);
    return wholeCharacters(decodeTokens(BOOK_TOKENS.subarray(start, start + size)));
  };
  return task.sample({ bytes, rng, text });
}

export function bytesOf(text: string): number {
  return encodeText(text).length;
}
