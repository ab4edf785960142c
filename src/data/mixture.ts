import { z } from "zod";
import { floatTensor, intTensor, type FloatTensor, type IntTensor } from "../graph/host-tensor.ts";
import { createRng, type Rng } from "../random.ts";
import { encodeText } from "./bytes.ts";
import { copySequence, type WeightedSequence } from "./copy.ts";
import { CorpusError, type Document } from "./corpus.ts";
import { passkeyAnswer, passkeyPrompt, type Haystack } from "./passkey.ts";

const weight = z.number().nonnegative();

const textSchema = z.strictObject({ task: z.literal("text"), share: weight });
const copySchema = z.strictObject({ task: z.literal("copy"), share: weight });
const passkeySchema = z.strictObject({
  task: z.literal("passkey"),
  share: weight,
  /** `mixed`: one half garbage, one half text. */
  haystack: z.enum(["garbage", "text", "mixed"]).default("mixed"),
  /** Loss weight of the answer. */
  answerWeight: weight.default(1),
  /** Loss weight of every other token. */
  textWeight: weight.default(1),
  /** Shortest prompt; shorter ones than the sequence follow on running text. Default: the whole sequence. */
  minLength: z.int().positive().optional(),
});

/** What a model is trained on: each sequence is of one task, drawn in proportion to its share. */
export const mixtureSchema = z.array(z.discriminatedUnion("task", [textSchema, copySchema, passkeySchema])).min(1);
export type Mixture = z.output<typeof mixtureSchema>;

export interface Batch {
  readonly tokens: IntTensor; // [B, T]
  readonly targets: IntTensor; // [B, T]
  /** How much each target counts in the loss. */
  readonly weights: FloatTensor; // [B, T]
}

export interface BatchOptions {
  readonly mixture: Mixture;
  readonly documents: readonly Document[];
  readonly batch: number;
  readonly length: number;
  readonly seed: number;
}

/** Batches by number. Each depends on the seed and its number alone, so a resumed run sees the same data. */
export function createBatches(options: BatchOptions): { at(index: number): Batch } {
  const { mixture, batch, length, seed } = options;
  const documents = options.documents.filter(({ tokens }) => tokens.length > length);
  const needsText = mixture.some((part) => part.share > 0 && (part.task === "text" || (part.task === "passkey" && part.haystack !== "garbage")));
  if (needsText && documents.length === 0) {
    throw new CorpusError(`no document is longer than the ${length} tokens of a training sequence`);
  }
  const root = createRng(seed).fork("data");
  return {
    at(index) {
      const lanes = Array.from({ length: batch }, (_, lane) => {
        const rng = root.fork(index).fork(lane);
        return drawSequence(drawPart(mixture, rng), documents, length, rng);
      });
      return joinLanes(lanes, length);
    },
  };
}

// --- internal ---

type Part = Mixture[number];
type Draw<P> = (part: P, documents: readonly Document[], length: number, rng: Rng) => WeightedSequence;

const tasks: { readonly [Task in Part["task"]]: Draw<Extract<Part, { task: Task }>> } = {
  text: (_, documents, length, rng) => ({
    tokens: Int32Array.from(drawWindow(documents, length + 1, rng)),
    weights: new Float32Array(length).fill(1),
  }),

  copy: (_, __, length, rng) => copySequence(length, rng),

  passkey(part, documents, length, rng) {
    const useText = part.haystack === "text" || (part.haystack === "mixed" && rng.uniform() < 0.5);
    const haystack: Haystack = useText ? { kind: "text", tokens: drawWindow(documents, length + 1, rng) } : { kind: "garbage" };
    // The longest answer always fits: a prompt is drawn first, then cut to leave room for its own answer.
    const room = encodeText(passkeyAnswer("00000")).length;
    const shortest = Math.min(part.minLength ?? length, length + 1 - room);
    const promptLength = shortest + rng.integer(length + 1 - room - shortest + 1);
    const { tokens: prompt, answer } = passkeyPrompt({ length: promptLength, depth: rng.uniform(), haystack, rng });
    const continuation = encodeText(passkeyAnswer(answer));
    const tokens = Int32Array.from(drawLead(documents, length + 1 - prompt.length - continuation.length, useText, rng));
    const sequence = Int32Array.of(...tokens, ...prompt, ...continuation);
    const weights = new Float32Array(length).fill(part.textWeight);
    weights.fill(part.answerWeight, length - continuation.length);
    return { tokens: sequence, weights };
  },
};

function drawSequence(part: Part, documents: readonly Document[], length: number, rng: Rng): WeightedSequence {
  return (tasks[part.task] as Draw<Part>)(part, documents, length, rng);
}

function drawPart(mixture: Mixture, rng: Rng): Part {
  const total = mixture.reduce((sum, { share }) => sum + share, 0);
  let rest = rng.uniform() * total;
  const chosen = mixture.find(({ share }) => (rest -= share) < 0) ?? mixture[0];
  if (!chosen) throw new RangeError("the mixture is empty");
  return chosen;
}

/** What fills a sequence before a prompt that is shorter: text, or newlines where there is none. */
function drawLead(documents: readonly Document[], length: number, useText: boolean, rng: Rng): Uint8Array {
  if (length === 0 || !useText) return new Uint8Array(length).fill(10);
  return drawWindow(documents, length, rng);
}

/** A window of a document, every position of the corpus as likely as any other. */
function drawWindow(documents: readonly Document[], length: number, rng: Rng): Uint8Array {
  const positions = documents.map(({ tokens }) => tokens.length - length + 1);
  let start = rng.integer(positions.reduce((sum, count) => sum + count, 0));
  for (const [i, { tokens }] of documents.entries()) {
    const count = positions[i] ?? 0;
    if (start < count) return tokens.subarray(start, start + length);
    start -= count;
  }
  throw new CorpusError(`no document has ${length} tokens`);
}

function joinLanes(lanes: readonly WeightedSequence[], length: number): Batch {
  const shape = [lanes.length, length];
  const [tokens, targets] = [new Int32Array(lanes.length * length), new Int32Array(lanes.length * length)];
  const weights = new Float32Array(lanes.length * length);
  lanes.forEach((lane, i) => {
    tokens.set(lane.tokens.subarray(0, length), i * length);
    targets.set(lane.tokens.subarray(1), i * length);
    weights.set(lane.weights, i * length);
  });
  return { tokens: intTensor(shape, tokens), targets: intTensor(shape, targets), weights: floatTensor(shape, weights) };
}
