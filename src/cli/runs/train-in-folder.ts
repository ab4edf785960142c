import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Document } from "../../text/document.ts";
import type { Engine } from "../../engine/engine.ts";
import type { LoadedModel } from "../../model/transformer.ts";
import { stagesOf, type RunConfig } from "../../train/config.ts";
import type { StepMetrics } from "../../train/loop.ts";
import { runTraining, startOfRun, trainedModel } from "../../train/run.ts";
import { InterruptedError } from "../terminal/interrupt.ts";
import { CHECKPOINT, METRICS, openRunFolder } from "./run-folder.ts";

export interface Trained {
  readonly loaded: LoadedModel;
  readonly steps: number;
  readonly tokens: number;
  /** Spent on steps, all parts of a run that was stopped and gone on with together. */
  readonly minutes: number;
  /** What was logged of each step. */
  readonly metrics: readonly StepMetrics[];
}

export interface TrainingOptions {
  readonly config: RunConfig;
  /** None where the mixture reads no text. */
  readonly documents: readonly Document[];
  /** Where the run is kept, and gone on with when it was stopped. */
  readonly folder: string;
  readonly engine: Engine;
  readonly signal: AbortSignal;
  onStep(metrics: StepMetrics): void;
}

/** The model that a run ends with. Throws {@link InterruptedError} when it is stopped before its end. */
export async function trainInFolder(options: TrainingOptions): Promise<Trained> {
  const { config, documents, engine, signal, onStep } = options;
  const begun = existsSync(join(options.folder, CHECKPOINT));
  const folder = await openRunFolder(options.folder, config, begun);
  const from = begun ? await folder.restore() : startOfRun(config);
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

/** Steps, tokens and time, from what was logged of each step. */
async function effortOf({ training }: RunConfig, folder: string): Promise<Omit<Trained, "loaded">> {
  const lines = (await readFile(join(folder, METRICS), "utf8")).split("\n").filter((line) => line !== "");
  const metrics = lines.map((line) => JSON.parse(line) as StepMetrics);
  const stages = stagesOf(training);
  let [tokens, seconds] = [0, 0];
  for (const { step, tokensPerSecond } of metrics) {
    const { batch = 0, length = 0 } = stages.find(({ until }) => step <= until) ?? {};
    tokens += training.accumulate * batch * length;
    seconds += (training.accumulate * batch * length) / tokensPerSecond;
  }
  return { steps: training.steps, tokens, minutes: seconds / 60, metrics };
}
