import { OptionError } from "../base/errors.ts";
import type { Rng } from "../base/random.ts";

export interface SamplingOptions {
  /** 0 always takes the most likely token. Default 0. */
  readonly temperature?: number;
  /** Only this many most likely tokens are drawn from. Default: all. */
  readonly topK?: number;
  /** Only the most likely tokens that together reach this probability are drawn from. Default 1: all. */
  readonly topP?: number;
}

/** Draws a token from logits [V]. Throws `OptionError` for options out of range. */
export function sampleToken(logits: Float32Array, options: SamplingOptions, rng: Rng): number {
  const { temperature = 0, topK = logits.length, topP = 1 } = options;
  if (!(temperature >= 0)) throw new OptionError(`the temperature must be 0 or more, got ${temperature}`);
  if (!(Number.isInteger(topK) && topK >= 1))
    throw new OptionError(`top-k must be a whole number from 1 up, got ${topK}`);
  if (!(topP > 0 && topP <= 1)) throw new OptionError(`top-p must lie above 0 and not above 1, got ${topP}`);
  if (temperature === 0) return mostLikely(logits);
  const order = [...logits.keys()].toSorted((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0)).slice(0, topK);
  const highest = logits[order[0] ?? 0] ?? 0;
  const weights = order.map((token) => Math.exp(((logits[token] ?? 0) - highest) / temperature));
  const kept = nucleusSize(weights, topP);
  return order[drawIndex(weights.slice(0, kept), rng)] ?? 0;
}

/** The token with the largest logit; the first of equals. */
export function mostLikely(logits: Float32Array): number {
  let best = 0;
  for (let token = 1; token < logits.length; token++) {
    if ((logits[token] ?? -Infinity) > (logits[best] ?? -Infinity)) best = token;
  }
  return best;
}

// --- internal ---

/** How many of the sorted weights it takes to reach a share of their sum. */
function nucleusSize(weights: readonly number[], share: number): number {
  const goal = share * weights.reduce((sum, weight) => sum + weight, 0);
  let reached = 0;
  const last = weights.findIndex((weight) => (reached += weight) >= goal);
  return last < 0 ? weights.length : last + 1;
}

function drawIndex(weights: readonly number[], rng: Rng): number {
  let rest = rng.uniform() * weights.reduce((sum, weight) => sum + weight, 0);
  const index = weights.findIndex((weight) => (rest -= weight) < 0);
  return index < 0 ? weights.length - 1 : index;
}
