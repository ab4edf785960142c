import { decodeTokens, encodeText } from "./bytes.ts";

/** A window of a book at a random place: whole characters, in at most the given number of bytes. */
export type TextSource = (bytes: number) => string;

/** Bytes of a text in UTF-8. */
export function byteLength(text: string): number {
  return encodeText(text).length;
}

/** The start of a text in at most `length` bytes; no character is cut in two. */
export function cutText(text: string, length: number): string {
  const bytes = encodeText(text);
  return bytes.length <= length ? text : wholeCharacters(decodeTokens(bytes.subarray(0, length)));
}

/** A text cut out of another, without the remains of characters cut at either end. */
export function wholeCharacters(text: string): string {
  return text.replaceAll(/^\ufffd+|\ufffd+$/g, "");
}

/**
 * Whole words of a book with single spaces between them, as many as fit into `length` bytes. The words of one
 * window follow each other as in the book; if blanks were many, those of another window follow.
 */
export function bookWords(text: TextSource, length: number): string {
  let words = "";
  for (let left = length; left > LONG_WORD;) {
    const inside = text(left).trim().split(/\s+/).slice(1, -1).join(" ");
    if (inside === "") break;
    words += words === "" ? inside : ` ${inside}`;
    left = length - byteLength(words) - 1;
  }
  return words;
}

/** The sentences of a text, split after a full stop, a question mark or an exclamation mark. */
export function splitSentences(text: string): string[] {
  return text.trim().split(SENTENCE_BORDER);
}

/**
 * Sentences of a book with all its line breaks, each with a space before it, `length` bytes in all: the last one is
 * cut. Sentences shorter than `shortest` and those cut by a window are left out.
 *
 * @param windowLength Maximum bytes of a window.
 */
export function bookSentences(
  text: TextSource,
  { length, windowLength, shortest }: { length: number; windowLength: number; shortest: number },
): string[] {
  const sentences: string[] = [];
  let left = length;
  for (let windows = 0; left > 0 && windows < MOST_WINDOWS; windows++) {
    const size = Math.min(windowLength, Math.max(2 * left, SMALLEST_WINDOW));
    for (const sentence of splitSentences(text(size)).slice(1, -1)) {
      if (sentence.length < shortest || left <= 0) continue;
      sentences.push(cutText(` ${sentence}`, left));
      left -= byteLength(sentence) + 1;
    }
  }
  return sentences;
}

// --- internal ---

/** Another window is cut into words while more than this is left to fill. */
const LONG_WORD = 32;
/** So that a book without any usable sentence ends the loop. */
const MOST_WINDOWS = 64;
const SMALLEST_WINDOW = 1024;

/** White space between a sentence, quotation marks included, and one that begins with a capital or a digit. */
const SENTENCE_BORDER = /(?<=[.!?]["'”’)]*)(?<!\b(?:Mr|Mrs|Ms|Dr|St|[A-Z])\.)\s+(?=["'“‘(]*[A-Z\d])/;
