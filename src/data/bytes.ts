/** Tokens are the bytes of UTF-8 text. */
export const BYTE_VOCABULARY_SIZE = 256;

/** The tokens of a text. */
export function encodeText(text: string): Int32Array {
  return Int32Array.from(new TextEncoder().encode(text));
}

/** The text of tokens; bytes that are not UTF-8 become U+FFFD. */
export function decodeTokens(tokens: Iterable<number>): string {
  return new TextDecoder().decode(Uint8Array.from(tokens));
}

/** Decodes a stream: bytes of a character that is not complete yet are held back until the next call. */
export function createStreamDecoder(): (tokens: Iterable<number>) => string {
  const decoder = new TextDecoder();
  return (tokens) => decoder.decode(Uint8Array.from(tokens), { stream: true });
}
