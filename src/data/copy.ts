import type { Rng } from "../random.ts";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";
const [MIN_LENGTH, MAX_LENGTH] = [8, 24];
/** Of a repeated string, the first characters cannot be foretold: they say which string it is. */
const CUE_LENGTH = 3;
const REPEAT_PROBABILITY = 0.5;
const SEPARATOR = 10; // newline

/** A sequence and how much the prediction of each token after the first counts. */
export interface WeightedSequence {
  readonly tokens: Int32Array; // [T + 1]
  readonly weights: Float32Array; // [T]
}

/**
 * Random strings, one a line, about half of which are repeats of an earlier one, near or far. Only tokens
 * that an earlier copy foretells count.
 */
export function copySequence(length: number, rng: Rng): WeightedSequence {
  const tokens = new Int32Array(length + 1).fill(SEPARATOR);
  const weights = new Float32Array(length);
  const known: string[] = [];
  for (let position = 0; position <= length; ) {
    const repeated = known.length > 0 && rng.uniform() < REPEAT_PROBABILITY;
    const text = (repeated ? known[rng.integer(known.length)] : undefined) ?? randomString(rng);
    if (!repeated) known.push(text);
    for (let i = 0; i < text.length && position + i <= length; i++) {
      tokens[position + i] = text.charCodeAt(i);
      if (repeated && i >= CUE_LENGTH) weights[position + i - 1] = 1;
    }
    position += text.length + 1;
  }
  return { tokens, weights };
}

// --- internal ---

function randomString(rng: Rng): string {
  const length = MIN_LENGTH + rng.integer(MAX_LENGTH - MIN_LENGTH + 1);
  return Array.from({ length }, () => ALPHABET[rng.integer(ALPHABET.length)]).join("");
}
