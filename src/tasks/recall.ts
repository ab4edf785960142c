import { OptionError } from "../base/errors.ts";
import type { Rng } from "../base/random.ts";

/** A prompt that can be answered from what stands in it, and what it asks for. */
export interface RecallSample {
  readonly prompt: string;
  /** What a right answer mentions. */
  readonly references: readonly string[];
  /** What a model is trained to write after the prompt: the references, and a stop so that it learns to end too. */
  readonly answer: string;
}

export interface SampleOptions {
  /** Most tokens of the prompt; a token is a byte. What is written after it comes on top. */
  readonly length: number;
  readonly rng: Rng;
  /** A window of a book, of at most `length` tokens. */
  readonly text: (length: number) => Uint8Array;
}

/** A task that asks for something far back. Text, counts and places depend on the version and the options alone. */
export interface RecallTask {
  readonly name: string;
  /** Goes up with every change of the text that a seed gives. */
  readonly version: number;
  /** Most tokens read of an answer: those of the longest right one. */
  readonly answerTokens: number;
  /** Whether `sample` takes windows of a book. */
  readonly readsText: boolean;
  /** Tokens of the shortest prompt that always has room for what it must hold. */
  readonly minLength: number;
  /** A prompt that fills `length` as far as whole lines or words do. Throws `OptionError` below `minLength`. */
  sample(options: SampleOptions): RecallSample;
  /** How much of the references an answer has, from 0 to 1. */
  score(answer: string, references: readonly string[]): number;
}

/** Throws `OptionError` for a length without room for the task. */
export function checkRecallLength({ name, minLength }: Pick<RecallTask, "name" | "minLength">, length: number): void {
  if (!(length >= minLength)) throw new OptionError(`${name} needs at least ${minLength} tokens, got ${length}`);
}
