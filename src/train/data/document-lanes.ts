import { intTensor } from "../../tensor/host-tensor.ts";
import { createRng, type Rng } from "../../base/random.ts";
import { joinLanes, type Batches, type BatchOptions } from "./batch.ts";
import { CorpusError, type Document, type Tokens } from "../../text/document.ts";
import { shuffled } from "../../tasks/draw.ts";
import type { WeightedSequence } from "../../tasks/task.ts";

/*
 * Lanes that read documents from start to end, as Transformer-XL and Memorizing Transformers are trained: the memory
 * that a step leaves is that of the same document in the step after it.
 *
 * Documents wait in one queue, epoch after epoch, each epoch in a new order; a lane that has come to the end of its
 * document takes the next. So lanes are balanced whatever the lengths are, and none ever waits. A long document is read
 * by one lane, while others may be in the next epoch. All that is wasted is what the last sequence of a document leaves
 * empty, about half a sequence a document: for many documents shorter than T, a smaller T wastes less.
 */

/**
 * Batches in which a lane continues where it was in the batch before. `startOfSequence` is 1 where it begins a document,
 * all lanes do so in batch `first`. A document of n tokens has n − 1 to predict, in ⌈(n − 1) / T⌉ sequences; after its
 * end there are zeros of weight 0. Where there are fewer documents than lanes, they are cut into as many parts, each
 * read as a separate document. Documents of one token are left out.
 *
 * `at` takes time in proportion to `batch` when it is asked for one batch after the other, else also to the number of
 * batches before. Throws CorpusError when no document has two tokens; `at` RangeError for batches before `first`.
 */
export function documentLanes({ documents, batch, length, seed, first = 0 }: BatchOptions): Batches {
  const texts = cutDocuments(documents, batch, length);
  if (texts.length === 0) throw new CorpusError("no document has more than one token, so there is nothing to predict");
  const rng = createRng(seed).fork("documents").fork(first);
  const fromStart = (): Reading => ({ steps: readInLanes(texts, batch, length, rng), index: first - 1, positions: [] });
  let reading = fromStart();
  return {
    at(index) {
      if (index < first) throw new RangeError(`there is no batch ${index}: the first is ${first}`);
      if (index < reading.index) reading = fromStart();
      while (reading.index < index) {
        reading = { ...reading, index: reading.index + 1, positions: reading.steps.next().value };
      }
      const { positions } = reading;
      const startOfSequence = intTensor(
        [batch],
        Int32Array.from(positions, ({ start }) => (start === 0 ? 1 : 0)),
      );
      const sequences = positions.map((position) => sequenceAt(position, length));
      return { ...joinLanes(sequences, length), startOfSequence };
    },
  };
}

// --- internal ---

/** Where a lane is: the token of a text that its sequence starts with. */
interface ReadingPosition {
  readonly text: Tokens;
  readonly start: number;
}

/** How far the lanes have been followed. */
interface Reading {
  readonly steps: Generator<readonly ReadingPosition[], never>;
  readonly index: number;
  readonly positions: readonly ReadingPosition[];
}

/** The positions of all lanes, step after step, without end. */
function* readInLanes(
  texts: readonly Tokens[],
  lanes: number,
  length: number,
  rng: Rng,
): Generator<readonly ReadingPosition[], never> {
  const queue = epochs(texts, rng);
  const begin = (): ReadingPosition => ({ text: queue.next().value, start: 0 });
  let positions = Array.from({ length: lanes }, begin);
  for (;;) {
    yield positions;
    positions = positions.map(({ text, start }) =>
      start + length < text.length - 1 ? { text, start: start + length } : begin(),
    );
  }
}

/** All texts in random order, again and again, each time in another. */
function* epochs(texts: readonly Tokens[], rng: Rng): Generator<Tokens, never> {
  for (let epoch = 0; ; epoch++) yield* shuffled(texts, rng.fork(epoch));
}

/** The tokens from a position on, zeros of no weight after the end of the text. */
function sequenceAt({ text, start }: ReadingPosition, length: number): WeightedSequence {
  const tokens = new Int32Array(length + 1);
  const present = text.subarray(start, start + length + 1);
  tokens.set(present);
  return { tokens, weights: new Float32Array(length).fill(1, 0, present.length - 1) };
}

/** What is read in one go: the documents, in as many parts as there are lanes, where they are fewer. */
function cutDocuments(documents: readonly Document[], lanes: number, length: number): Tokens[] {
  const texts = documents.map(({ tokens }) => tokens).filter((tokens) => tokens.length > 1);
  const sequences = texts.map((text) => Math.ceil((text.length - 1) / length));
  const parts = countParts(sequences, lanes);
  return texts.flatMap((text, i) => cutText(text, sequences[i] ?? 1, parts[i] ?? 1, length));
}

/** In how many parts to cut each text so that there are `lanes` in all and the longest is short, none without a sequence. */
function countParts(sequences: readonly number[], lanes: number): number[] {
  const parts = sequences.map(() => 1);
  for (let missing = lanes - parts.length; missing > 0; missing--) {
    const sizes = sequences.map((count, i) => count / (parts[i] ?? 1));
    const largest = Math.max(...sizes);
    if (largest <= 1) break;
    const i = sizes.indexOf(largest);
    parts[i] = (parts[i] ?? 1) + 1;
  }
  return parts;
}

/** Parts of whole sequences, except at the end of the text. The last token of each is the first of the next, to be predicted once. */
function cutText(text: Tokens, sequences: number, parts: number, length: number): Tokens[] {
  const border = (part: number): number => Math.floor((part * sequences) / parts) * length;
  return Array.from({ length: parts }, (_, part) => text.subarray(border(part), border(part + 1) + 1));
}
