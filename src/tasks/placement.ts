import type { Tokens } from "../text/document.ts";
import type { WeightedSequence } from "./task.ts";

/** A prompt and its expected answer. */
export interface Exchange {
  readonly prompt: Int32Array;
  readonly answer: Int32Array;
}

export interface PlacementOptions {
  /** T: tokens to predict; the sequence has one more. */
  readonly length: number;
  /** Tokens after the last answer. */
  readonly trailing: number;
  /** What fills the rest. */
  readonly filler: (size: number) => Tokens;
  /** Loss weight of the answers. */
  readonly answerWeight: number;
  /** Loss weight of every other token. */
  readonly textWeight: number;
}

/** A sequence with consecutive exchanges, filler before the first and after the last. */
export function placeExchanges(
  exchanges: readonly Exchange[],
  { length, trailing, filler, answerWeight, textWeight }: PlacementOptions,
): WeightedSequence {
  const tokens = new Int32Array(length + 1);
  const weights = new Float32Array(length).fill(textWeight);
  const end = length + 1 - trailing;
  let at = end - exchanges.reduce((sum, { prompt, answer }) => sum + prompt.length + answer.length, 0);
  tokens.set(filler(at));
  for (const { prompt, answer } of exchanges) {
    tokens.set(prompt, at);
    at += prompt.length;
    tokens.set(answer, at);
    weights.fill(answerWeight, at - 1, at - 1 + answer.length);
    at += answer.length;
  }
  tokens.set(filler(trailing), end);
  return { tokens, weights };
}
