import { floatTensor, intTensor, type FloatTensor, type IntTensor } from "../../tensor/host-tensor.ts";
import type { Document } from "../../text/document.ts";
import type { Tokenizer } from "../../text/tokenizers/tokenizer.ts";
import type { WeightedSequence } from "../../tasks/task.ts";
import type { Mixture } from "./mixture.ts";

export interface Batch {
  readonly tokens: IntTensor; // [B, T]
  readonly targets: IntTensor; // [B, T]
  /** How much each target counts in the loss. */
  readonly weights: FloatTensor; // [B, T]
  /** 1 where a lane starts with an empty memory, 0 where it continues with that of the batch before. */
  readonly startOfSequence: IntTensor; // [B]
}

/** Batches by number. Each depends on the options and its number alone, so a resumed run sees the same data. */
export interface Batches {
  at(index: number): Batch;
}

export interface BatchOptions {
  readonly mixture: Mixture;
  readonly documents: readonly Document[];
  /** What the tokens of the documents are, and what tasks write in. Default: bytes. */
  readonly tokenizer?: Tokenizer;
  /** B: sequences of a batch. */
  readonly batch: number;
  /** T: tokens of a sequence. */
  readonly length: number;
  readonly seed: number;
  /** Probability that a lane continues with the memory of the batch before; documents do so anyway. Default 0. */
  readonly carry?: number;
  /** Number of the first batch: there all lanes start to read documents. Default 0. */
  readonly first?: number;
}

/** One sequence of `length` tokens for each lane. */
export function joinLanes(lanes: readonly WeightedSequence[], length: number): Omit<Batch, "startOfSequence"> {
  const shape = [lanes.length, length];
  const [tokens, targets] = [new Int32Array(lanes.length * length), new Int32Array(lanes.length * length)];
  const weights = new Float32Array(lanes.length * length);
  lanes.forEach((lane, i) => {
    tokens.set(lane.tokens.subarray(0, length), i * length);
    targets.set(lane.targets ?? lane.tokens.subarray(1), i * length);
    weights.set(lane.weights, i * length);
  });
  return { tokens: intTensor(shape, tokens), targets: intTensor(shape, targets), weights: floatTensor(shape, weights) };
}
