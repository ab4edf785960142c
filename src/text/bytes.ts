/** Tokens are the bytes of UTF-8 text. */
export const BYTE_VOCABULARY_SIZE = 256;

/** The tokens of a text. */
export function encodeText(text: string): Int32Array {
  return new Int32Array(new TextEncoder().encode(text));
}

/** The text of tokens; bytes that are not UTF-8 become U+FFFD. */
export function decodeTokens(tokens: Iterable<number>): string {
  return new TextDecoder("utf-8", KEEP_BYTE_ORDER_MARK).decode(Uint8Array.from(tokens));
}

/** Decodes a stream: the bytes of an incomplete character are held back until the next call. */
export function createStreamDecoder(): (tokens: Iterable<number>) => string {
  const decoder = new TextDecoder("utf-8", KEEP_BYTE_ORDER_MARK);
  return (tokens) => decoder.decode(Uint8Array.from(tokens), { stream: true });
}

// --- internal ---

/** Without it, a text that begins with U+FEFF loses it, and so does every piece of a text that begins with it. */
const KEEP_BYTE_ORDER_MARK = { ignoreBOM: true } as const;
