/** Training: batches, optimizers, steps and the loop. */
export { adafactor, type AdafactorOptions } from "./adafactor.ts";
export { adamW, type AdamWOptions } from "./adamw.ts";
export {
  createOptimizer,
  learningRateAt,
  parseRunConfig,
  stagesOf,
  type RunConfig,
  type RunConfigInput,
  type Stage,
  type TrainingConfig,
} from "./config.ts";
export type { Batch, Batches, BatchOptions } from "./data/batch.ts";
export { createBatches } from "./data/batches.ts";
export type { Mixture } from "./data/mixture.ts";
export type { GradientOptions } from "./gradients.ts";
export { DivergedError, train, type StepMetrics, type TrainOptions, type Validation } from "./loop.ts";
export { nextToken, type Objective, type ObjectiveBatch, type ObjectiveResult } from "./objective.ts";
export type { Trainable, TrainedParts } from "./programs.ts";
export type { Optimizer, ParameterGroup, UpdateArguments } from "./optimizer.ts";
export { presets, type PresetName } from "./presets.ts";
export { runTraining, StartError, startOfRun, trainedModel, type RunOptions, type RunPosition } from "./run.ts";
export { decodeRunState, encodeRunState, ResumeError, type RestoredRun, type RunText } from "./run-state.ts";
export {
  createStepper,
  initialTrainingState,
  type Reduce,
  type Stepper,
  type StepperOptions,
  type StepResult,
  type TrainingState,
} from "./stepper.ts";
