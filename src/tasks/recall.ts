import { OptionError } from "../base/errors.ts";
import type { Rng } from "../base/random.ts";
import type { TextSource } from "../text/book-text.ts";

/** A prompt that can be answered from its own text, and what it asks for. */
export interface RecallSample {
  readonly prompt: string;
  /** What a right answer mentions. */
  readonly references: readonly string[];
  /**
   * What a model is trained to write after the prompt: the references, and a full stop so that it also learns to stop.
   */
  readonly answer: string;
}

export interface SampleOptions {
  /** Maximum bytes of the prompt, not counting what is written after it. */
  readonly bytes: number;
  readonly rng: Rng;
  /** Windows of a book. */
  readonly text: TextSource;
}

/**
 * A task that asks for something far back, as text: it knows bytes but no tokenizer. {@link fitRecall} makes a prompt
 * of a given number of tokens. Text, counts and places depend only on the version and the options.
 */
export interface RecallTask {
  readonly name: string;
  /** Increases with every change of the text that a seed gives. */
  readonly version: number;
  /** Maximum bytes read of an answer: those of the longest right one. */
  readonly answerBytes: number;
  /** Whether `sample` takes windows of a book. */
  readonly readsText: boolean;
  /** Bytes of the shortest prompt that always has room for what it must hold. */
  readonly minBytes: number;
  /** A prompt that fills `bytes` as far as whole lines or words allow. Throws `OptionError` below `minBytes`. */
  sample(options: SampleOptions): RecallSample;
  /** The share of the references that an answer has, from 0 to 1. */
  score(answer: string, references: readonly string[]): number;
}

/** Throws `OptionError` for a size that is too small for the task. */
export function checkBytes({ name, minBytes }: Pick<RecallTask, "name" | "minBytes">, bytes: number): void {
  if (!(bytes >= minBytes)) throw new OptionError(`${name} needs at least ${minBytes} bytes, got ${bytes}`);
}
