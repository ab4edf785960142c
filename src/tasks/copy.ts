import { z } from "zod";
import type { Rng } from "../base/random.ts";
import type { Task, WeightedSequence } from "./task.ts";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";
const [MIN_LENGTH, MAX_LENGTH] = [8, 24];
/** Of a repeated string, the first characters cannot be foretold: they say which string it is. */
const CUE_LENGTH = 3;
const REPEAT_PROBABILITY = 0.5;
const SEPARATOR = 10; // newline

export interface CopyOptions {
  /** Loss weight of the tokens that no earlier copy foretells. Default: 0. */
  readonly textWeight?: number | undefined;
}

/**
 * Random strings of `a-z0-9`, one a line, about half of which are repeats of an earlier one, near or far.
 * `length` tokens to predict, so one more in all. Tokens that an earlier copy foretells have weight 1.
 */
export function copySequence(length: number, rng: Rng, { textWeight = 0 }: CopyOptions = {}): WeightedSequence {
  const tokens = new Int32Array(length + 1).fill(SEPARATOR);
  const weights = new Float32Array(length).fill(textWeight);
  const known: string[] = [];
  for (let position = 0; position <= length;) {
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

const schema = z.strictObject({
  task: z.literal("copy"),
  share: z.number().nonnegative(),
  // No default(): it would change the hash of every config there is, and with it whether a run can go on.
  /** Loss weight of the tokens that no earlier copy foretells. Default: 0. */
  textWeight: z.number().nonnegative().optional(),
});

/** Trains the memory to find what followed a few characters the last time. */
export const copyTask: Task<typeof schema> = {
  schema,
  readsText: () => false,
  draw: (part, { length, rng }) => copySequence(length, rng, part),
};

// --- internal ---

function randomString(rng: Rng): string {
  const length = MIN_LENGTH + rng.integer(MAX_LENGTH - MIN_LENGTH + 1);
  return Array.from({ length }, () => ALPHABET[rng.integer(ALPHABET.length)]).join("");
}
