import { InfiniError, OptionError } from "../base/errors.ts";
import type { Rng } from "../base/random.ts";
import { headSize } from "./ranking.ts";

export interface SamplingOptions {
  /** 0 always takes the most likely token. Default 0. */
  readonly temperature?: number;
  /** Draw only from this many most likely tokens. Default: all. */
  readonly topK?: number;
  /** Draw only from the most likely tokens that together reach this probability. Default 1: all. */
  readonly topP?: number;
}

/** Logits that say nothing about the next token: one is NaN or +Infinity, or all are -Infinity. */
export class LogitsError extends InfiniError {
  override name = "LogitsError";
  readonly code = "ERR_LOGITS";
}

/**
 * Draws a token from logits [V] in time proportional to V: nothing is sorted. Throws `OptionError` for options out of
 * range and {@link LogitsError} for logits that say nothing.
 */
export function sampleToken(logits: Float32Array, options: SamplingOptions, rng: Rng): number {
  const { temperature = 0, topK = Math.max(1, logits.length), topP = 1 } = options;
  if (!(temperature >= 0)) throw new OptionError(`the temperature must be 0 or more, got ${temperature}`);
  if (!(Number.isInteger(topK) && topK >= 1))
    throw new OptionError(`top-k must be a whole number of at least 1, got ${topK}`);
  if (!(topP > 0 && topP <= 1)) throw new OptionError(`top-p must be above 0 and at most 1, got ${topP}`);
  const best = mostLikely(logits);
  if (temperature === 0) return best;

  let tokens = allTokens(logits.length);
  const keep = (weights: Float64Array | undefined, enough: (sum: number) => boolean): Int32Array =>
    tokens.subarray(0, headSize(tokens, logits, weights, enough));
  if (topK < tokens.length) tokens = keep(undefined, (count) => count >= topK);
  const weights = weightsOf(tokens, logits, best, temperature);
  if (topP < 1) {
    const goal = topP * sumOf(tokens, weights);
    tokens = keep(weights, (sum) => sum >= goal);
  }
  const drawn = rng.uniform() * sumOf(tokens, weights);
  return keep(weights, (sum) => sum > drawn).at(-1) ?? best;
}

/** The token with the largest logit; the first of equals. Throws {@link LogitsError} for logits that say nothing. */
export function mostLikely(logits: Float32Array): number {
  let [best, highest] = [0, -Infinity];
  for (let token = 0; token < logits.length; token++) {
    const logit = logits[token] ?? 0;
    if (logit > highest) [best, highest] = [token, logit];
    else if (Number.isNaN(logit)) throw new LogitsError(`the logit of token ${token} is not a number`);
  }
  if (!Number.isFinite(highest))
    throw new LogitsError(
      `the largest of ${logits.length} logits is ${highest}: they say nothing about the next token`,
    );
  return best;
}

// --- internal ---

function allTokens(count: number): Int32Array {
  const tokens = new Int32Array(count);
  for (let token = 0; token < count; token++) tokens[token] = token;
  return tokens;
}

/** In proportion to the probability of each token, with 1 for the most likely; 0 for excluded tokens. */
function weightsOf(tokens: Int32Array, logits: Float32Array, best: number, temperature: number): Float64Array {
  const weights = new Float64Array(logits.length); // [V]
  const highest = logits[best] ?? 0;
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i] ?? 0;
    weights[token] = Math.exp(((logits[token] ?? 0) - highest) / temperature);
  }
  return weights;
}

function sumOf(tokens: Int32Array, weights: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < tokens.length; i++) sum += weights[tokens[i] ?? 0] ?? 0;
  return sum;
}
