import { z } from "zod";
import type { Rng } from "../base/random.ts";
import { byteTokenizer, type Tokenizer } from "../text/tokenizers/tokenizer.ts";
import { emptyLines } from "./fit.ts";
import type { Task, WeightedSequence } from "./task.ts";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";
const [MIN_LENGTH, MAX_LENGTH] = [8, 24];
/** The first characters of a repeated string cannot be predicted: they say which string it is. */
const CUE_LENGTH = 3;
const REPEAT_PROBABILITY = 0.5;

export interface CopyOptions {
  /** Loss weight of the tokens that no earlier copy predicts. Default: 0. */
  readonly textWeight?: number | undefined;
}

/**
 * Random strings of `a-z0-9`, one a line, about half of which are repeats of an earlier one, near or far.
 * `length` tokens to predict, so one more in all. Tokens that an earlier copy predicts have weight 1.
 */
export function copySequence(
  length: number,
  rng: Rng,
  { textWeight = 0 }: CopyOptions = {},
  tokenizer: Tokenizer = byteTokenizer,
): WeightedSequence {
  const tokens = emptyLines(length + 1, tokenizer);
  const weights = new Float32Array(length).fill(textWeight);
  const separator = tokenizer.encode("\n").length;
  const known: Int32Array[] = [];
  for (let position = 0; position <= length;) {
    const repeated = known.length > 0 && rng.uniform() < REPEAT_PROBABILITY;
    const string = (repeated ? known[rng.integer(known.length)] : undefined) ?? tokenizer.encode(randomString(rng));
    if (!repeated) known.push(string);
    tokens.set(string.subarray(0, length + 1 - position), position);
    const end = position + string.length;
    if (repeated) weights.fill(1, position + cueTokens(string, tokenizer) - 1, end - 1);
    position = end + separator;
  }
  return { tokens, weights };
}

const schema = z.strictObject({
  task: z.literal("copy"),
  share: z.number().nonnegative(),
  // No default(): it would change the hash of every existing config, and with it whether a run can resume.
  /** Loss weight of the tokens that no earlier copy predicts. Default: 0. */
  textWeight: z.number().nonnegative().optional(),
});

/** Trains the memory to find what followed a few characters last time. */
export const copyTask: Task<typeof schema> = {
  schema,
  readsText: () => false,
  writesText: true,
  draw: (part, { length, rng, tokenizer }) => copySequence(length, rng, part, tokenizer),
};

// --- internal ---

/** Tokens of a string that form its cue. */
function cueTokens(string: Int32Array, { decode }: Tokenizer): number {
  let count = 1;
  while (count < string.length && decode(string.subarray(0, count)).length < CUE_LENGTH) count += 1;
  return count;
}

function randomString(rng: Rng): string {
  const length = MIN_LENGTH + rng.integer(MAX_LENGTH - MIN_LENGTH + 1);
  return Array.from({ length }, () => ALPHABET[rng.integer(ALPHABET.length)]).join("");
}
