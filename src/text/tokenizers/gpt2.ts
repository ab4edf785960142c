import { createStreamDecoder, decodeTokens, encodeText } from "../bytes.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** V of GPT-2: 256 bytes, 50,000 merges and `<|endoftext|>`, which no text is encoded to. */
export const GPT2_VOCABULARY_SIZE = 50_257;

/**
 * The byte-pair encoding of GPT-2, which loses nothing: every byte has a token. Its vocabulary (1 MB) is loaded when
 * this is called.
 */
export async function gpt2Tokenizer(): Promise<Tokenizer> {
  const { encode } = await import("gpt-tokenizer/encoding/r50k_base");
  const { default: ranks } = await import("gpt-tokenizer/bpeRanks/r50k_base");
  const pieces = ranks.map((piece) => (typeof piece === "string" ? encodeText(piece) : Int32Array.from(piece)));
  pieces[GPT2_VOCABULARY_SIZE - 1] = encodeText("<|endoftext|>");
  const bytesOf = (tokens: Iterable<number>): number[] => [...tokens].flatMap((token) => [...(pieces[token] ?? [])]);
  return {
    name: "gpt2",
    vocabularySize: GPT2_VOCABULARY_SIZE,
    encode: (text) => Int32Array.from(encode(text, PLAIN_TEXT)),
    decode: (tokens) => decodeTokens(bytesOf(tokens)),
    streamDecoder() {
      const decode = createStreamDecoder();
      return (tokens) => decode(bytesOf(tokens));
    },
  };
}

// --- internal ---

/** Text that looks like a special token is text. */
const PLAIN_TEXT = { disallowedSpecial: new Set<string>() };
