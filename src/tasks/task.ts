import type { z } from "zod";
import type { Rng } from "../base/random.ts";
import type { TokenSource } from "./fit.ts";

/** A sequence and how much each prediction counts. */
export interface WeightedSequence {
  readonly tokens: Int32Array; // [T + 1], or [T] with separate targets
  readonly weights: Float32Array; // [T]
  /** What each token should predict, if not the next token. */
  readonly targets?: Int32Array; // [T]
}

/** What a task draws its sequence from; windows of the training text have at most T + 1 tokens. */
export interface SequenceSource extends TokenSource {
  /** T: tokens to predict; the sequence has one more. */
  readonly length: number;
  readonly rng: Rng;
}

/** What sequences are made for. */
export interface Fit {
  /** T: tokens of a training sequence. */
  readonly length: number;
  /** V of the model. */
  readonly vocabularySize: number;
}

/** Something to train on. `Schema` describes its part in a mixture: strict, with `task` and `share`. */
export interface Task<Schema extends z.ZodType> {
  readonly schema: Schema;
  /** Whether `draw` takes windows of the training text. */
  readsText(part: z.output<Schema>): boolean;
  /** Whether `draw` writes new text, which needs the tokenizer. */
  readonly writesText: boolean;
  /** Why there is no such sequence of that length, or none for that model. Default: there always is one. */
  problem?(part: z.output<Schema>, fit: Fit): string | undefined;
  /** Maximum tokens of a sequence with nonzero weight. Default: all of them. */
  scored?(part: z.output<Schema>, length: number): number;
  /** A sequence that depends only on the part and the source. */
  draw(part: z.output<Schema>, source: SequenceSource): WeightedSequence;
}
