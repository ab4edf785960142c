import { z } from "zod";
import type { Rng } from "../../base/random.ts";
import { copyTask } from "../../tasks/copy.ts";
import type { Fit, SequenceSource, Task, WeightedSequence } from "../../tasks/task.ts";
import { mqarTask } from "../../tasks/mqar.ts";
import { passkeyTask } from "../../tasks/passkey.ts";
import { recallTask } from "./recall-training.ts";

const textSchema = z.strictObject({ task: z.literal("text"), share: z.number().nonnegative() });

/** Windows of the training text, every token of equal weight. */
const textTask: Task<typeof textSchema> = {
  schema: textSchema,
  readsText: () => true,
  writesText: false,
  draw: (_, { length, rng, tokens }) => ({
    tokens: Int32Array.from(tokens(length + 1, rng)),
    weights: new Float32Array(length).fill(1),
  }),
};

/**
 * Documents read from start to end, see document-lanes.ts. No {@link Task}: its sequences follow one another from batch
 * to batch, where those of a task are drawn one by one.
 */
const documentsSchema = z.strictObject({ task: z.literal("documents"), share: z.number().nonnegative() });

/** Every task by its name in a mixture. A new one is a new file and a line here. */
const tasks = {
  text: textTask,
  copy: copyTask,
  passkey: passkeyTask,
  mqar: mqarTask,
  recall: recallTask,
} as const;

const taskSchemas = Object.values(tasks).map(({ schema }) => schema);
const partSchema = z.discriminatedUnion("task", [documentsSchema, ...taskSchemas]);
export type Mixture = z.output<typeof partSchema>[];

/** What a model is trained on: each sequence is of one task, drawn in proportion to its share; or `documents` alone. */
export const mixtureSchema = z
  .array(partSchema)
  .refine((parts) => parts.some(({ share }) => share > 0), "at least one part must have a share above 0")
  .refine(
    (parts) => !readsDocuments(parts) || parts.filter(({ share }) => share > 0).length === 1,
    "documents are read from start to end, so no other part may have a share above 0",
  );

/** Whether a mixture is documents read from start to end, by lanes that continue from batch to batch. */
export function readsDocuments(mixture: Mixture): boolean {
  return mixture.some(({ task, share }) => task === "documents" && share > 0);
}

/** Why a mixture cannot be drawn at a length for a model; undefined when it can. */
export function mixtureProblem(mixture: Mixture, fit: Fit): string | undefined {
  return drawnParts(mixture)
    .map((part) => taskOf(part).problem?.(part, fit))
    .find((problem) => problem !== undefined);
}

/** Whether any part of a mixture reads the training text. */
export function mixtureReadsText(mixture: Mixture): boolean {
  return readsDocuments(mixture) || drawnParts(mixture).some((part) => taskOf(part).readsText(part));
}

/** Whether any part of a mixture writes new text, in the tokens of the model. */
export function mixtureWritesText(mixture: Mixture): boolean {
  return drawnParts(mixture).some((part) => taskOf(part).writesText);
}

/** Most tokens of a sequence of a mixture whose weight is not zero. */
export function mostScored(mixture: Mixture, length: number): number {
  if (readsDocuments(mixture)) return length;
  return Math.max(...drawnParts(mixture).map((part) => taskOf(part).scored?.(part, length) ?? length));
}

/** A sequence of one of the parts, in proportion to their shares. */
export function drawSequence(mixture: Mixture, source: SequenceSource): WeightedSequence {
  const part = drawPart(drawnParts(mixture), source.rng);
  return taskOf(part).draw(part, source);
}

// --- internal ---

/** A part whose sequences are drawn one by one. */
type DrawnPart = Exclude<Mixture[number], z.output<typeof documentsSchema>>;

function drawnParts(mixture: Mixture): DrawnPart[] {
  return mixture.filter((part): part is DrawnPart => part.share > 0 && part.task !== "documents");
}

function taskOf(part: DrawnPart): Task<z.ZodType<DrawnPart>> {
  return tasks[part.task] as Task<z.ZodType<DrawnPart>>;
}

function drawPart(parts: readonly DrawnPart[], rng: Rng): DrawnPart {
  const total = parts.reduce((sum, { share }) => sum + share, 0);
  let rest = rng.uniform() * total;
  // Rounding may leave a rest after the last part.
  const chosen = parts.find(({ share }) => (rest -= share) < 0) ?? parts.at(-1);
  if (!chosen) throw new RangeError("no part of the mixture is drawn");
  return chosen;
}
