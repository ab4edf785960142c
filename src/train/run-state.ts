import { InfiniError } from "../base/errors.ts";
import { ConfigError } from "../base/parse-config.ts";
import { restoreTree, STATE_FORMAT, WEIGHTS_FORMAT } from "../model/checkpoint.ts";
import { decodeSafetensors, encodeSafetensors, metadataCount } from "../tensor/safetensors.ts";
import { createModel } from "../model/transformer.ts";
import { configOf, parseRunConfig, stagesOf, type RunConfig } from "./config.ts";
import { changesBetween, describeChange, firstForbidden, keepsLanes } from "./run-changes.ts";
import { emptyMemory, withoutMemory, type TrainingState } from "./stepper.ts";

/** A run that cannot be resumed. The message says why. */
export class ResumeError extends InfiniError {
  override name = "ResumeError";
  readonly code = "ERR_RESUME";
}

/** What a checkpoint says about its training text. */
export interface RunText {
  /** A hash of the training text. Where a run and its checkpoint both have one, they are compared. */
  readonly documents?: string | undefined;
}

/** A checkpoint that was read. */
export interface RestoredRun {
  readonly state: TrainingState;
  /** Steps done. */
  readonly step: number;
  /** What has changed since the checkpoint was written, one line each. */
  readonly changes: readonly string[];
}

/** A checkpoint as a safetensors file: weights and optimizer, the number of the step and the config of the run. */
export function encodeRunState(
  state: TrainingState,
  step: number,
  config: RunConfig,
  { documents }: RunText = {},
): Uint8Array {
  return encodeSafetensors(state, {
    step: String(step),
    run: JSON.stringify(withoutSaving(config)),
    weightsFormat: WEIGHTS_FORMAT,
    stateFormat: STATE_FORMAT,
    ...(documents !== undefined && { documents }),
  });
}

/**
 * Reads a checkpoint for a run that continues from it, which may have more steps, another learning rate or schedule, other batches and
 * other text. `like` is its state at the start.
 *
 * @throws {ResumeError} when the model or the kind of optimizer is another, by the name of the key; for checkpoints of earlier
 *   versions, and for memory of the lanes of one.
 * @throws {SafetensorsError} when the file is broken.
 */
export function decodeRunState(
  bytes: Uint8Array,
  like: TrainingState,
  config: RunConfig,
  source: string,
  { documents }: RunText = {},
): RestoredRun {
  const file = decodeSafetensors(bytes, source);
  const was = configIn(file.metadata, source);
  const changes = changesBetween(withoutSaving(was), withoutSaving(config));
  const forbidden = firstForbidden(changes);
  if (forbidden) throw new ResumeError(`${source}: ${describeChange(forbidden)}: that is another run`);
  const step = metadataCount(file, "step");
  if (step === undefined) throw new ResumeError(`${source}: has no step number`);

  const hasOtherText =
    documents !== undefined && file.metadata.documents !== undefined && documents !== file.metadata.documents;
  const memory = memoryAt(was, step);
  const hasMemory = Object.keys(memory).length > 0;
  const goesOn = keepsLanes(changes) && !hasOtherText;
  if (hasMemory && goesOn && file.metadata.stateFormat !== STATE_FORMAT)
    throw new ResumeError(`${source}: the memory in it is of another version`);
  return {
    state: goesOn
      ? restoreTree({ ...like, ...memory }, file.tensors, source)
      : restoreTree(like, withoutMemory(file.tensors), source),
    step,
    changes: [
      ...changes.map(describeChange),
      ...(hasOtherText ? ["the training text is not the one that the checkpoint was trained on"] : []),
      ...(hasMemory && !goesOn ? ["lanes start with an empty memory, since they read something else now"] : []),
    ],
  };
}

// --- internal ---

/** Without how often to save, which leaves no trace in what is saved. */
function withoutSaving({ model, training }: RunConfig): object {
  return { model, training: { ...training, checkpointEvery: undefined } };
}

/** The config that a checkpoint was written with. */
function configIn(metadata: Readonly<Record<string, string>>, source: string): RunConfig {
  if (metadata["run"] === undefined || metadata["weightsFormat"] !== WEIGHTS_FORMAT) {
    throw new ResumeError(
      `${source}: is not a checkpoint of this version; to train on from its weights, start a new run with --from and the folder`,
    );
  }
  try {
    return parseRunConfig(JSON.parse(metadata["run"]), source);
  } catch (cause) {
    if (cause instanceof ConfigError || cause instanceof SyntaxError)
      throw new ResumeError(`${source}: its config cannot be read: ${cause.message}`, { cause });
    throw cause;
  }
}

/** The lanes' memory after a step: with the batch and the segments of the stage that the step is in. */
function memoryAt(config: RunConfig, step: number): TrainingState {
  const stage = stagesOf(config.training).find(({ after, until }) => after < step && step <= until);
  if (!stage) return {};
  const { model, training } = configOf(config, stage);
  return emptyMemory(createModel(model), training);
}
