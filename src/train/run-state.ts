import { InfiniError } from "../base/errors.ts";
import { configHash, restoreTree, STATE_FORMAT, WEIGHTS_FORMAT } from "../model/checkpoint.ts";
import { decodeSafetensors, encodeSafetensors, metadataCount } from "../tensor/safetensors.ts";
import { createModel } from "../model/transformer.ts";
import { configOf, stagesOf, type RunConfig } from "./config.ts";
import { emptyMemory, type TrainingState } from "./stepper.ts";

/** A run that cannot be gone on with. The message says why. */
export class ResumeError extends InfiniError {
  override name = "ResumeError";
  readonly code = "ERR_RESUME";
}

/** A checkpoint as a safetensors file: weights, optimizer, number of the step and hash of the config. */
export function encodeRunState(state: TrainingState, step: number, config: RunConfig): Uint8Array {
  return encodeSafetensors(state, {
    step: String(step),
    config: resumeHash(config),
    weightsFormat: WEIGHTS_FORMAT,
    stateFormat: STATE_FORMAT,
  });
}

/**
 * Reads a checkpoint that fits the config, and `like`, which is the state at its start. Throws {@link ResumeError}
 * when it is of another config or, with memory of the lanes, another version, SafetensorsError when it is broken.
 */
export function decodeRunState(
  bytes: Uint8Array,
  like: TrainingState,
  config: RunConfig,
  source: string,
): { state: TrainingState; step: number } {
  const file = decodeSafetensors(bytes, source);
  if (file.metadata.config !== resumeHash(config)) {
    throw new ResumeError(`${source}: was made with another config; give the one it was started with`);
  }
  if (file.metadata.weightsFormat !== WEIGHTS_FORMAT) {
    throw new ResumeError(
      `${source}: an earlier version wrote it, with matrices the other way round; start the run again`,
    );
  }
  const step = metadataCount(file, "step");
  if (step === undefined) throw new ResumeError(`${source}: has no step number`);
  const memory = memoryAt(config, step);
  if (Object.keys(memory).length > 0 && file.metadata.stateFormat !== STATE_FORMAT) {
    throw new ResumeError(`${source}: the memory in it is of another version`);
  }
  return { state: restoreTree({ ...like, ...memory }, file.tensors, source), step };
}

// --- internal ---

/** The lanes' memory as it is after a step: with the batch and the segments of the stage that the step is in. */
function memoryAt(config: RunConfig, step: number): TrainingState {
  const stage = stagesOf(config.training).find(({ after, until }) => after < step && step <= until);
  if (!stage) return {};
  const { model, training } = configOf(config, stage);
  return emptyMemory(createModel(model), training);
}

/** How often to save may change between two halves of a run; nothing else may. */
function resumeHash({ model, training }: RunConfig): string {
  return configHash({ model, training: { ...training, checkpointEvery: 0 } });
}
