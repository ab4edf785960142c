import { z } from "zod";
import { floatTensor, intTensor, type FloatTensor, type IntTensor } from "../graph/host-tensor.ts";
import { createRng, type Rng } from "../random.ts";
import { copyTask } from "./copy.ts";
import { CorpusError, type Document, type Tokens } from "./document.ts";
import { mqarTask } from "./mqar.ts";
import { passkeyTask } from "./passkey.ts";
import { recallTask } from "./recall-training.ts";

/** A sequence and how much each prediction counts. */
export interface WeightedSequence {
  readonly tokens: Int32Array; // [T + 1], or [T] with targets of its own
  readonly weights: Float32Array; // [T]
  /** What each token is to foretell, where that is not the token after it. */
  readonly targets?: Int32Array; // [T]
}

/** What a task draws its sequence from. */
export interface Lane {
  /** T: tokens to predict; the sequence has one more. */
  readonly length: number;
  readonly rng: Rng;
  /** A window of the training text, every place as likely as any other. At most T + 1 tokens. */
  readonly tokens: (length: number) => Tokens;
  /** The same, of bytes. Throws `RangeError` where the tokens are others, which the config of a run refuses. */
  readonly window: (length: number) => Uint8Array;
}

/** What sequences are made for. */
export interface Fit {
  /** T: tokens of a training sequence. */
  readonly length: number;
  /** V of the model. */
  readonly vocabularySize: number;
}

/** Something to train on. `Schema` is that of its part in a mixture: strict, with `task` and `share`. */
export interface Task<Schema extends z.ZodType> {
  readonly schema: Schema;
  /** Whether `draw` takes windows of the training text. */
  readsText(part: z.output<Schema>): boolean;
  /** Why there is no such sequence of that length, or none for that model. Default: there always is one. */
  problem?(part: z.output<Schema>, fit: Fit): string | undefined;
  /** Most tokens of a sequence whose weight is not zero. Default: all of them. */
  scored?(part: z.output<Schema>, length: number): number;
  /** A sequence that depends on the part and the lane alone. */
  draw(part: z.output<Schema>, lane: Lane): WeightedSequence;
}

const textSchema = z.strictObject({ task: z.literal("text"), share: z.number().nonnegative() });

/** Windows of the training text, every token of equal weight. */
const textTask: Task<typeof textSchema> = {
  schema: textSchema,
  readsText: () => true,
  draw: (_, { length, tokens }) => ({
    tokens: Int32Array.from(tokens(length + 1)),
    weights: new Float32Array(length).fill(1),
  }),
};

/** Every task by its name in a mixture. A new one is a file of its own and a line here. */
const tasks = {
  text: textTask,
  copy: copyTask,
  passkey: passkeyTask,
  mqar: mqarTask,
  recall: recallTask,
} as const;

const schemas = Object.values(tasks).map(({ schema }) => schema);

/** What a model is trained on: each sequence is of one task, drawn in proportion to its share. */
export const mixtureSchema = z
  .array(z.discriminatedUnion("task", schemas as NonEmpty<(typeof schemas)[number]>))
  .refine((parts) => parts.some(({ share }) => share > 0), "at least one part must have a share above 0");
export type Mixture = z.output<typeof mixtureSchema>;

/** Why a mixture cannot be drawn at a length for a model; undefined when it can. */
export function mixtureProblem(mixture: Mixture, fit: Fit): string | undefined {
  return mixture
    .filter(({ share }) => share > 0)
    .map((part) => taskOf(part).problem?.(part, fit))
    .find((problem) => problem !== undefined);
}

/** Whether any part of a mixture takes windows of the training text. */
export function mixtureReadsText(mixture: Mixture): boolean {
  return mixture.some((part) => part.share > 0 && taskOf(part).readsText(part));
}

/** Most tokens of a sequence of a mixture whose weight is not zero. */
export function mostScored(mixture: Mixture, length: number): number {
  const parts = mixture.filter(({ share }) => share > 0);
  return Math.max(...parts.map((part) => taskOf(part).scored?.(part, length) ?? length));
}

export interface Batch {
  readonly tokens: IntTensor; // [B, T]
  readonly targets: IntTensor; // [B, T]
  /** How much each target counts in the loss. */
  readonly weights: FloatTensor; // [B, T]
  /** 1 where a lane starts with an empty memory, 0 where it goes on from that of the batch before. */
  readonly startOfSequence: IntTensor; // [B]
}

export interface BatchOptions {
  readonly mixture: Mixture;
  readonly documents: readonly Document[];
  /** B: sequences of a batch. */
  readonly batch: number;
  /** T: tokens of a sequence. */
  readonly length: number;
  readonly seed: number;
  /** Probability that a lane goes on from the memory of the batch before. Default 0. */
  readonly carry?: number;
}

/**
 * Batches by number. Each depends on the seed and its number alone, so a resumed run sees the same data.
 * Throws CorpusError when a part reads text and no document is longer than `length`.
 */
export function createBatches(options: BatchOptions): { at(index: number): Batch } {
  const { batch, length, seed, carry = 0 } = options;
  const mixture = options.mixture.filter(({ share }) => share > 0);
  const documents = options.documents.filter(({ tokens }) => tokens.length > length);
  if (documents.length === 0 && mixtureReadsText(mixture)) {
    throw new CorpusError(`no document is longer than the ${length} tokens of a training sequence`);
  }
  const root = createRng(seed).fork("data");
  return {
    at(index) {
      const lanes = Array.from({ length: batch }, (_, lane) => {
        const rng = root.fork(index).fork(lane);
        const part = drawPart(mixture, rng);
        const tokens = (size: number): Tokens => drawWindow(documents, size, rng);
        return taskOf(part).draw(part, { length, rng, tokens, window: (size) => bytesOf(tokens(size)) });
      });
      const starts = root.fork(index).fork("carry");
      const startOfSequence = intTensor(
        [batch],
        Int32Array.from(lanes, () => (starts.uniform() < carry ? 0 : 1)),
      );
      return { ...joinLanes(lanes, length), startOfSequence };
    },
  };
}

// --- internal ---

type NonEmpty<T> = [T, ...T[]];
type Part = Mixture[number];

function taskOf(part: Part): Task<z.ZodType<Part>> {
  return tasks[part.task] as Task<z.ZodType<Part>>;
}

function drawPart(mixture: Mixture, rng: Rng): Part {
  const total = mixture.reduce((sum, { share }) => sum + share, 0);
  let rest = rng.uniform() * total;
  // Rounding may leave a rest after the last part.
  const chosen = mixture.find(({ share }) => (rest -= share) < 0) ?? mixture.at(-1);
  if (!chosen) throw new RangeError("no part of the mixture has a share above 0");
  return chosen;
}

/** A window of a document, every position of the corpus as likely as any other. */
function drawWindow(documents: readonly Document[], length: number, rng: Rng): Tokens {
  const positions = documents.map(({ tokens }) => tokens.length - length + 1);
  let start = rng.integer(positions.reduce((sum, count) => sum + count, 0));
  for (const [i, { tokens }] of documents.entries()) {
    const count = positions[i] ?? 0;
    if (start < count) return tokens.subarray(start, start + length);
    start -= count;
  }
  throw new CorpusError(`no document has ${length} tokens`);
}

function bytesOf(tokens: Tokens): Uint8Array {
  if (tokens instanceof Uint8Array) return tokens;
  throw new RangeError("only text of bytes has windows of bytes");
}

function joinLanes(lanes: readonly WeightedSequence[], length: number): Omit<Batch, "startOfSequence"> {
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
