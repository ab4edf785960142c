import { z } from "zod";
import { mixtureProblem, mixtureSchema, readsDocuments, type Mixture } from "./data/mixture.ts";
import { choosesWrites, modelConfigSchema } from "../model/config.ts";
import { memoriesOf } from "../model/layers.ts";
import { parseConfig } from "../base/parse-config.ts";
import { adafactor } from "./adafactor.ts";
import { adamW } from "./adamw.ts";
import type { Optimizer } from "./optimizer.ts";

const rate = z.number().positive();
const fraction = z.number().min(0).lt(1);
const count = z.int().positive();

const adamWSchema = z.strictObject({
  kind: z.literal("adamw"),
  beta1: fraction.default(0.9),
  beta2: fraction.default(0.98),
  epsilon: rate.default(1e-8),
  weightDecay: z.number().nonnegative().default(0.05),
});

const adafactorSchema = z.strictObject({
  kind: z.literal("adafactor"),
  decayExponent: rate.default(0.8),
  clipThreshold: rate.default(1),
  epsilon: rate.default(1e-30),
  minimumScale: rate.default(1e-3),
  weightDecay: z.number().nonnegative().default(0),
});

/**
 * `parallel` computes all segments of a sequence in one graph. `rematerialized` goes through them one by one,
 * keeps only some of the states between them and computes each again on the way back: the same gradients, with
 * memory for activations that does not depend on the length.
 */
export const TRAINING_MODES = ["parallel", "rematerialized"] as const;

const price = z.number().nonnegative().default(0);
const carried = fraction.default(0);

const trainingSchema = z.strictObject({
  steps: count,
  /** Sequences of one forward pass. */
  batch: count,
  /** Tokens of a sequence: a whole number of segments. */
  length: count,
  /** Batches whose gradients are added up before each update. */
  accumulate: count.default(1),
  mode: z.enum(TRAINING_MODES).default("parallel"),
  seed: z.int().default(0),
  optimizer: z.discriminatedUnion("kind", [adamWSchema, adafactorSchema]).prefault({ kind: "adamw" }),
  learningRate: rate.default(3e-3),
  /** Steps over which the learning rate rises from zero. */
  warmupSteps: z.int().nonnegative().default(100),
  /** Share of the learning rate that the cosine ends at. */
  finalLearningRate: z.number().min(0).max(1).default(0.1),
  gateLearningRateFactor: rate.default(10),
  /** Global norm that gradients are clipped to. */
  clipNorm: rate.default(1),
  /**
   * Added to the loss, in nats, for a memory that writes every token at full strength: what is not worth its
   * price is left out, which keeps a memory from filling up with what will never be asked for. Only for memories that choose.
   */
  writePenalty: price,
  /**
   * How far below zero the wish to write must be, in strengths, before it costs nothing. A margin keeps text that was
   * never seen in training from being written by a hair.
   */
  writeMargin: z.number().min(0).max(1).default(0),
  /**
   * Probability that a lane continues with the memory that the sequence before left, without gradients into it,
   * instead of starting with an empty one. So a model learns to live with a memory that has seen far more than
   * the sequences it is trained on. Not with `accumulate` or `rematerialized`. Documents that are read from start to
   * end keep their own memory, whatever this says.
   */
  carry: carried,
  /** Stages with other sequences before the main ones, in order; `until` is the last step of each. */
  curriculum: z
    .array(
      z.strictObject({
        until: count,
        batch: count,
        length: count,
        writePenalty: price,
        carry: carried,
        /** Default: that of the main stage. */
        mixture: mixtureSchema.optional(),
        /** Tokens of a segment, on which no weight depends. Default: that of the model. */
        segmentLength: count.optional(),
      }),
    )
    .default([]),
  /** Steps between checkpoints. */
  checkpointEvery: count.default(100),
  mixture: mixtureSchema.prefault([{ task: "text", share: 1 }]),
});

/** A training run: what a recipe file holds and what presets are. Unknown keys are refused. */
export const runConfigSchema = z
  .strictObject({ model: modelConfigSchema, training: trainingSchema })
  .refine(
    ({ model, training }) =>
      stagesOf(training).every(({ length, segmentLength = model.segmentLength }) => length % segmentLength === 0),
    {
      path: ["training", "length"],
      error: "must be a whole number of segments, in every stage",
    },
  )
  .refine(({ training }) => stagesOf(training).every(({ after, until }) => after < until), {
    path: ["training", "curriculum"],
    error: "stages must end one after the other, before the last step",
  })
  .refine(
    ({ training }) =>
      (training.accumulate === 1 && training.mode === "parallel") ||
      stagesOf(training).every(({ carry }) => carry === 0),
    {
      path: ["training", "carry"],
      error: "needs mode parallel, and accumulate 1",
    },
  )
  .refine(
    ({ training }) =>
      (training.accumulate === 1 && training.mode === "parallel") ||
      !stagesOf(training).some(({ mixture }) => readsDocuments(mixture)),
    {
      path: ["training", "mixture"],
      error: "the task documents carries memory from step to step, which needs mode parallel, and accumulate 1",
    },
  )
  .refine(
    ({ model, training }) =>
      [...memoriesOf(model).values()].some(({ update }) => choosesWrites(update)) ||
      stagesOf(training).every((stage) => stage.writePenalty === 0),
    {
      path: ["training", "writePenalty"],
      error: "needs a memory that chooses what to write: memory.update must be token-delta or gated-token-delta",
      when: ({ issues }) => issues.length === 0, // else the model may lack its defaults
    },
  )
  .superRefine(({ model, training }, context) => {
    const message = stagesOf(training)
      .map(({ length, mixture }) => mixtureProblem(mixture, { length, vocabularySize: model.vocabularySize }))
      .find((problem) => problem !== undefined);
    if (message !== undefined) context.addIssue({ code: "custom", path: ["training", "mixture"], message });
  });

export type RunConfig = z.output<typeof runConfigSchema>;
export type RunConfigInput = z.input<typeof runConfigSchema>;
export type TrainingConfig = z.output<typeof trainingSchema>;

/** A checked run config with every default filled in. Throws ConfigError. */
export function parseRunConfig(value: unknown, source = "run config"): RunConfig {
  return parseConfig(runConfigSchema, value, source);
}

/** Consecutive steps with sequences of one shape: those above `after`, up to `until`. */
export interface Stage {
  readonly after: number;
  readonly until: number;
  readonly batch: number;
  readonly length: number;
  readonly writePenalty: number;
  readonly carry: number;
  readonly mixture: Mixture;
  /** Where it is not that of the model. */
  readonly segmentLength?: number | undefined;
}

/** The stages of the curriculum and then the main one. */
export function stagesOf({ curriculum, steps, batch, length, writePenalty, carry, mixture }: TrainingConfig): Stage[] {
  const main = { until: steps, batch, length, writePenalty, carry, mixture };
  const stages: (typeof main | (typeof curriculum)[number])[] = [...curriculum, main];
  return stages.map((stage, i) => ({ ...stage, mixture: stage.mixture ?? mixture, after: stages[i - 1]?.until ?? 0 }));
}

/** The config of a run in one of its stages: with its sequences, and its segments. */
export function configOf({ model, training }: RunConfig, stage: Stage): RunConfig {
  const { batch, length, writePenalty, carry, mixture, segmentLength = model.segmentLength } = stage;
  return {
    model: { ...model, segmentLength },
    training: { ...training, batch, length, writePenalty, carry, mixture },
  };
}

/** Whether lanes may start a step from the memory that the step before has left. */
export function carriesMemory({ carry, mixture }: Pick<TrainingConfig, "carry" | "mixture">): boolean {
  return carry > 0 || readsDocuments(mixture);
}

/** The optimizer that a config asks for. */
export function createOptimizer(config: TrainingConfig["optimizer"]): Optimizer {
  return config.kind === "adamw" ? adamW(config) : adafactor(config);
}

/** Learning rate of a step, counted from 1: a linear rise, then half a cosine down to the final share. */
export function learningRateAt(step: number, config: TrainingConfig): number {
  const { learningRate, warmupSteps, steps, finalLearningRate } = config;
  if (step <= warmupSteps) return (learningRate * step) / warmupSteps;
  const progress = Math.min(1, (step - warmupSteps) / Math.max(1, steps - warmupSteps));
  return learningRate * (finalLearningRate + (1 - finalLearningRate) * 0.5 * (1 + Math.cos(Math.PI * progress)));
}
