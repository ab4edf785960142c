import { createRng } from "../base/random.ts";
import { sampleToken, type SamplingOptions } from "./sampler.ts";
import type { LaneTokens, Session } from "./session.ts";

export interface GenerateOptions extends SamplingOptions {
  /** Most tokens to generate. Default 256. */
  readonly maxTokens?: number;
  /** Default 0. */
  readonly seed?: number;
  /** Ends the stream after a token for which it holds; that token is still given. */
  stopAfter?(token: number): boolean;
}

/**
 * Reads a prompt and yields what follows, token by token, from a session of one lane. The tokens given are
 * read by the session too, so that it can go on. Throws SessionError for an empty prompt.
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
    yield token;
    logits = await session.step(token);
    if (stopAfter?.(token)) return;
  }
}
