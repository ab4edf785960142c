import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Document } from "../../text/document.ts";
import type { Engine } from "../../engine/engine.ts";
import type { LoadedModel } from "../../model/transformer.ts";
import { stagesOf, type RunConfig } from "../../train/config.ts";
import type { StepMetrics } from "../../train/loop.ts";
import { ResumeError } from "../../train/run-state.ts";
import { runTraining, startOfRun, trainedModel, type RunPosition } from "../../train/run.ts";
import { InterruptedError } from "../terminal/interrupt.ts";
import { isStep, parseMetrics } from "./metrics.ts";
import { CHECKPOINT, METRICS, openRunFolder, type RunFolder } from "./run-folder.ts";

export interface Trained {
  readonly loaded: LoadedModel;
  readonly steps: number;
  readonly tokens: number;
  /** Time spent on steps, over all parts of a run that was stopped and resumed. */
  readonly minutes: number;
  /** The log of each step. */
  readonly metrics: readonly StepMetrics[];
}

export interface TrainingOptions {
  readonly config: RunConfig;
  /** None if the mixture reads no text. */
  readonly documents: readonly Document[];
  /** Where the run is kept, and resumed if it was stopped. */
  readonly folder: string;
  readonly engine: Engine;
  readonly signal: AbortSignal;
  onStep(metrics: StepMetrics): void;
}

/**
 * The final model of a run. Throws {@link InterruptedError} when it is stopped before its end, ResumeError when the
 * folder holds a run with another config.
 */
export async function trainInFolder(options: TrainingOptions): Promise<Trained> {
  const { config, documents, engine, signal, onStep } = options;
  const begun = existsSync(join(options.folder, CHECKPOINT));
  const folder = await openRunFolder({ folder: options.folder, config, resume: begun });
  const from = begun ? await restoreUnchanged(folder, options.folder) : startOfRun(config);
  if (!begun) await folder.save(from);
  const position = await runTraining({
    config,
    documents,
    engine,
    from,
    signal,
    async onStep(metrics) {
      await folder.log(metrics);
      onStep(metrics);
    },
    save: folder.save,
  });
  if (position.step < config.training.steps)
    throw new InterruptedError(`training stopped at step ${position.step} of ${config.training.steps}`);
  return { loaded: trainedModel(config, position), ...(await effortOf(config, options.folder)) };
}

// --- internal ---

/** The checkpoint, which must have this config: figures of a run that changed midway would describe neither. */
async function restoreUnchanged(folder: RunFolder, path: string): Promise<RunPosition> {
  const { changes, ...position } = await folder.restore();
  if (changes.length > 0) throw new ResumeError(`${path}: holds a run with another config: ${changes.join("; ")}`);
  return position;
}

/** Steps, tokens and time, from the log of each step. */
async function effortOf({ training }: RunConfig, folder: string): Promise<Omit<Trained, "loaded">> {
  const metrics = parseMetrics(await readFile(join(folder, METRICS), "utf8")).filter(isStep);
  const stages = stagesOf(training);
  let [tokens, seconds] = [0, 0];
  for (const { step, tokensPerSecond } of metrics) {
    const { batch = 0, length = 0 } = stages.find(({ until }) => step <= until) ?? {};
    tokens += training.accumulate * batch * length;
    seconds += (training.accumulate * batch * length) / tokensPerSecond;
  }
  return { steps: training.steps, tokens, minutes: seconds / 60, metrics };
}
