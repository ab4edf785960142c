import { createBatches } from "./data/batches.ts";
import { InfiniError, OptionError } from "../base/errors.ts";
import { readsBytes, type Tokenizer } from "../text/tokenizers/tokenizer.ts";
import { mixtureReadsText, mixtureWritesText } from "./data/mixture.ts";
import type { Document } from "../text/document.ts";
import type { Engine } from "../engine/engine.ts";
import { pathsOf } from "../graph/names.ts";
import type { FloatTensor, HostTensor } from "../tensor/host-tensor.ts";
import { flatten, type Flat } from "../tensor/tree.ts";
import { restoreParams } from "../model/checkpoint.ts";
import { createModel, freshParams, type LoadedModel, type Model, type ModelParams } from "../model/transformer.ts";
import { createRng } from "../base/random.ts";
import { configOf, createOptimizer, stagesOf, type RunConfig, type Stage } from "./config.ts";
import { train, type StepMetrics, type Validation } from "./loop.ts";
import { changesBetween, describeChange } from "./run-changes.ts";
import { isTrained, type Trainable, type TrainedParts } from "./programs.ts";
import { createStepper, initialTrainingState, withoutMemory, type Reduce, type TrainingState } from "./stepper.ts";

/** Weights that a run cannot start from. The message says why. */
export class StartError extends InfiniError {
  override name = "StartError";
  readonly code = "ERR_START";
}

/** How far a run is. */
export interface RunPosition {
  readonly state: TrainingState;
  /** Steps done. */
  readonly step: number;
}

export interface RunOptions extends TrainedParts {
  /** See {@link StepperOptions.reduce}. */
  readonly reduce?: Reduce;
  readonly config: RunConfig;
  readonly documents: readonly Document[];
  /** What the documents are written in, and what tasks write in. Default: bytes. */
  readonly tokenizer?: Tokenizer;
  readonly engine: Engine;
  /** Where to continue: a checkpoint, or the {@link startOfRun} with weights of another model. Default: with fresh weights. */
  readonly from?: RunPosition;
  /** Stops the run after the step that it is at. */
  readonly signal?: AbortSignal;
  onStep?(metrics: StepMetrics): void | Promise<void>;
  readonly validation?: Validation | undefined;
  /** Called every `checkpointEvery` steps, at the end of each stage and when stopped. */
  save?(position: RunPosition): Promise<void>;
}

/** Whether any stage of a run reads training text. */
export function readsText({ training }: RunConfig): boolean {
  return stagesOf(training).some(({ mixture }) => mixtureReadsText(mixture));
}

/** Throws CorpusError when the text is too short for a stage of the run. */
export function checkDocuments({ training }: RunConfig, documents: readonly Document[]): void {
  for (const stage of stagesOf(training)) createBatches({ ...training, ...stage, documents });
}

/**
 * The weights of a model, or fresh ones as the seed of the config has them, and a fresh optimizer. A model may differ from the config
 * in its `segmentLength` alone, and in the path of its tokenizer.
 *
 * @throws {StartError} when the model has another structure, by the name of the key.
 */
export function startOfRun(config: RunConfig, from?: LoadedModel, trainable?: Trainable): RunPosition {
  const model = createModel(config.model);
  const params = from ? sameStructure(model, from) : freshParams(model, createRng(config.training.seed).fork("params"));
  return {
    state: initialTrainingState(params, createOptimizer(config.training.optimizer), isTrained(model, { trainable })),
    step: 0,
  };
}

/**
 * Trains a model through the stages of its curriculum; ends early when the signal says so. Throws
 * {@link DivergedError} when a loss is not finite, CorpusError when the text is too short for a stage, `OptionError` when a
 * task is to write text for a model whose tokenizer is not given.
 */
export async function runTraining(options: RunOptions): Promise<RunPosition> {
  checkTokenizer(options);
  const { state, step } = options.from ?? startOfRun(options.config, undefined, options.trainable);
  let position: RunPosition = { state, step };
  for (const stage of stagesOf(options.config.training)) {
    if (stage.until <= position.step || options.signal?.aborted) continue;
    position = await runStage(options, stage, position);
  }
  return position;
}

/** The weights, by name, of a state. */
export function weightsOf(state: TrainingState): Flat<HostTensor> {
  return pathsOf("params", state);
}

/** The model as the run has left it. */
export function trainedModel({ model: config }: RunConfig, { state }: RunPosition): LoadedModel {
  const model = createModel(config);
  return { model, params: restoreParams(model, weightsOf(state), "the state of the run") };
}

// --- internal ---

/** What two models may differ in that have the same weights. */
const NOT_STRUCTURE: readonly string[] = ["segmentLength", "tokenizer"];

/** The weights of a model for one of the same structure. */
function sameStructure(model: Model, from: LoadedModel): ModelParams<FloatTensor> {
  const changes = changesBetween(from.model.config, model.config, "model");
  const other = changes.find(({ key }) => !NOT_STRUCTURE.includes(key.slice("model.".length)));
  if (other) throw new StartError(`the model to start from does not fit: ${describeChange(other)}`);
  return restoreParams(model, flatten<FloatTensor>(from.params), "the model to start from");
}

/** A model whose tokens are not bytes would be trained on bytes. */
function checkTokenizer({ config: { model, training }, tokenizer }: RunOptions): void {
  if (tokenizer || readsBytes(model) || !stagesOf(training).some(({ mixture }) => mixtureWritesText(mixture))) return;
  throw new OptionError(
    `the tokenizer of the model, ${model.tokenizer}, must be given: tasks of the mixture write text`,
  );
}

async function runStage(options: RunOptions, stage: Stage, from: RunPosition): Promise<RunPosition> {
  const { documents, tokenizer, engine, signal, validation, onStep, save } = options;
  const { after, until } = stage;
  const config = configOf(options.config, stage);
  const { training } = config;
  const batches = createBatches({
    ...training,
    documents,
    ...(tokenizer && { tokenizer }),
    first: after * training.accumulate,
  });
  const stepper = await createStepper({
    ...trainedModel(config, from),
    optimizer: createOptimizer(training.optimizer),
    training,
    engine,
    objective: options.objective,
    trainable: options.trainable,
    reduce: options.reduce,
    state: from.step > after ? from.state : withoutMemory(from.state),
  });
  try {
    const step = await train({
      stepper,
      training,
      batches,
      fromStep: from.step,
      toStep: until,
      ...(signal && { signal }),
      validation,
      onStep: (metrics) => onStep?.(metrics),
      save: async (state, reached) => save?.({ state, step: reached }),
    });
    return { state: await stepper.state(), step };
  } finally {
    await stepper.dispose();
  }
}
