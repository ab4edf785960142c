import { createStreamDecoder, decodeTokens, encodeText } from "../bytes.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** V of GPT-2: 256 bytes, 50,000 merges and `<|endoftext|>`, which no text is encoded to. */
export const GPT2_VOCABULARY_SIZE = 50_257;

/**
 * The byte-pair encoding of GPT-2, which is lossless: every byte has a token. Its vocabulary (1 MB) is loaded when this
 * is called. Merging takes time that grows with the square of a word, so runs of letters, digits, blanks or signs are
 * cut after every 1,024: only there can the tokens differ from those of GPT-2.
 */
export async function gpt2Tokenizer(): Promise<Tokenizer> {
  const { encode } = await import("gpt-tokenizer/encoding/r50k_base");
  const { default: ranks } = await import("gpt-tokenizer/bpeRanks/r50k_base");
  const pieces = ranks.map((piece) => (typeof piece === "string" ? encodeText(piece) : Int32Array.from(piece)));
  pieces[GPT2_VOCABULARY_SIZE - 1] = encodeText("<|endoftext|>");
  const bytesOf = (tokens: Iterable<number>): Uint8Array =>
    joinBytes(Array.from(tokens, (token) => pieces[token] ?? []));
  return {
    name: "gpt2",
    vocabularySize: GPT2_VOCABULARY_SIZE,
    encode: (text) => Int32Array.from(cutLongStretches(text).flatMap((part) => encode(part, PLAIN_TEXT))),
    decode: (tokens) => decodeTokens(bytesOf(tokens)),
    streamDecoder() {
      const decode = createStreamDecoder();
      return (tokens) => decode(bytesOf(tokens));
    },
  };
}

// --- internal ---

/** Text that looks like a special token is treated as text. */
const PLAIN_TEXT = { disallowedSpecial: new Set<string>() };

/** A run of this many characters of one kind, which the encoding would merge as one word. */
const LONG_STRETCH = /\p{L}{1024}|\p{N}{1024}|\s{1024}|[^\s\p{L}\p{N}]{1024}/gu;

/** Any long stretch contains this, which is found much faster. */
const UNBROKEN = /\S{1024}|\s{1024}/;

/** A text in parts, each of which ends after a long stretch. */
function cutLongStretches(text: string): string[] {
  if (!UNBROKEN.test(text)) return [text];
  const ends = Array.from(text.matchAll(LONG_STRETCH), (match) => match.index + match[0].length);
  return [...ends, text.length].map((end, i) => text.slice(ends[i - 1] ?? 0, end));
}

function joinBytes(pieces: readonly ArrayLike<number>[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
