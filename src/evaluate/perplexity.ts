import { OptionError } from "../base/errors.ts";
import type { Session } from "../runtime/session.ts";

/** How well a model predicts a text. */
export interface PerplexityResult {
  /** Cross-entropy of all predicted tokens, in bits, over the bytes of the text: comparable between tokenizers. */
  readonly bitsPerByte: number;
  /** exp of the mean cross-entropy of a token in nats: comparable between models with the same tokenizer. */
  readonly perplexity: number;
  /** Predicted tokens: all but the first. */
  readonly tokens: number;
  /** Bytes of the text in UTF-8. */
  readonly bytes: number;
  readonly tokensPerSecond: number;
  /** Bytes that the session keeps between tokens. */
  readonly stateBytes: number;
}

export interface PerplexityOptions {
  /** Bytes of the text. Default: one per token, as for models of bytes. */
  readonly bytes?: number;
  /** Called with the tokens done and the total. */
  onProgress?(done: number, total: number): void;
  /** Tokens between two calls of `onProgress`. Default 65,536. */
  readonly reportEvery?: number;
}

/** Streams a text of two tokens or more through a fresh session. Throws `OptionError` for a shorter one. */
export async function evaluatePerplexity(
  session: Session,
  text: Int32Array,
  options: PerplexityOptions = {},
): Promise<PerplexityResult> {
  const { bytes = text.length, reportEvery = 65_536, onProgress } = options;
  const total = text.length - 1;
  if (total < 1) throw new OptionError("perplexity needs a text of two tokens or more");
  const started = performance.now();
  let nats = 0;
  for (let start = 0; start < total; start += reportEvery) {
    const end = Math.min(total, start + reportEvery);
    const losses = await session.score(text.subarray(start, end), text.subarray(start + 1, end + 1));
    for (const loss of losses) nats += loss;
    onProgress?.(end, total);
  }
  return {
    bitsPerByte: nats / bytes / Math.LN2,
    perplexity: Math.exp(nats / total),
    tokens: total,
    bytes,
    tokensPerSecond: total / ((performance.now() - started) / 1000),
    stateBytes: session.stateBytes,
  };
}

/**
 * The same over several texts, each read by a fresh session: all tokens count equally, and so do all bytes. Throws
 * `OptionError` when there is none.
 */
export function poolPerplexity(results: readonly PerplexityResult[]): PerplexityResult {
  const [first] = results;
  if (!first) throw new OptionError("there are no texts to pool the perplexity of");
  const sum = (of: (result: PerplexityResult) => number): number =>
    results.reduce((total, each) => total + of(each), 0);
  const [tokens, bytes] = [sum((result) => result.tokens), sum((result) => result.bytes)];
  return {
    bitsPerByte: sum((result) => result.bitsPerByte * result.bytes) / bytes,
    perplexity: Math.exp(sum((result) => Math.log(result.perplexity) * result.tokens) / tokens),
    tokens,
    bytes,
    tokensPerSecond: tokens / sum((result) => result.tokens / result.tokensPerSecond),
    stateBytes: first.stateBytes,
  };
}
