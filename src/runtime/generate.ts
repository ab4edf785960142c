import { createRng } from "../base/random.ts";
import { sampleToken, type SamplingOptions } from "./sampler.ts";
import type { LaneTokens } from "./lane-tokens.ts";
import type { Session } from "./session.ts";

export interface GenerateOptions extends SamplingOptions {
  /** Maximum tokens to generate. Default 256. */
  readonly maxTokens?: number;
  /** Default 0. */
  readonly seed?: number;
  /** Ends the stream after a token for which it holds; that token is still yielded. */
  stopAfter?(token: number): boolean;
}

/**
 * Reads a prompt and yields what follows, token by token, from a session of one lane. The session reads each yielded
 * token before any later call, so it can continue wherever the stream is left. Throws SessionError for an empty prompt.
 */
export async function* generate(
  session: Session,
  prompt: LaneTokens,
  options: GenerateOptions = {},
): AsyncGenerator<number, void> {
  const { maxTokens = 256, seed = 0, stopAfter } = options;
  const rng = createRng(seed).fork("sampling");
  let logits = await session.prefill(prompt);
  for (let i = 0; i < maxTokens; i++) {
    const token = sampleToken(logits, options, rng);
    const reading = session.step(token);
    reading.catch(() => {}); // reported below, or never if the stream is not resumed
    try {
      yield token;
    } finally {
      logits = await reading;
    }
    if (stopAfter?.(token)) return;
  }
}
