import type { Session } from "../generate/session.ts";

/** How well a model foretells a text. */
export interface PerplexityResult {
  /** Mean cross-entropy of a byte in bits; comparable between tokenizers. Tokens are bytes. */
  readonly bitsPerByte: number;
  /** exp of the mean cross-entropy of a token in nats. */
  readonly perplexity: number;
  /** Tokens foretold: all but the first. */
  readonly tokens: number;
  readonly tokensPerSecond: number;
  /** Bytes that the session keeps between tokens. */
  readonly stateBytes: number;
}

export interface PerplexityOptions {
  /** Called with the tokens done and all of them. */
  onProgress?(done: number, total: number): void;
  /** Tokens between two calls of `onProgress`. Default 65,536. */
  readonly reportEvery?: number;
}

/** Streams a text of two tokens or more through a fresh session. Throws `RangeError` for a shorter one. */
export async function evaluatePerplexity(
  session: Session,
  text: Int32Array,
  options: PerplexityOptions = {},
): Promise<PerplexityResult> {
  const { reportEvery = 65_536, onProgress } = options;
  const total = text.length - 1;
  if (total < 1) throw new RangeError("perplexity needs a text of two tokens or more");
  const started = performance.now();
  let nats = 0;
  for (let start = 0; start < total; start += reportEvery) {
    const end = Math.min(total, start + reportEvery);
    const losses = await session.score(text.subarray(start, end), text.subarray(start + 1, end + 1));
    for (const loss of losses) nats += loss;
    onProgress?.(end, total);
  }
  const mean = nats / total;
  return {
    bitsPerByte: mean / Math.LN2,
    perplexity: Math.exp(mean),
    tokens: total,
    tokensPerSecond: total / ((performance.now() - started) / 1000),
    stateBytes: session.stateBytes,
  };
}
