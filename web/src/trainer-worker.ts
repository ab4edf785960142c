import { expose } from "comlink";
import { zipSync } from "fflate";
import type { StepMetrics } from "infini-transformer/train";
import type { WebDevice } from "infini-transformer/web";
import { openEngine } from "./open-engine.ts";
import type { ModelFiles } from "./open-model.ts";
import { savedRun, savedText, saveNewRun, saveRun, type SavedRun } from "./run-store.ts";
import { createTrainer, nanoConfig, type Trainer, type TrainingTask } from "./trainer.ts";

export interface BeginOptions {
  readonly task: TrainingTask;
  /** What it trains on, by name. */
  readonly material: string;
  readonly text: Uint8Array;
  /** Where the run is kept. */
  readonly place: string | undefined;
  /** What computes it, where that was chosen. */
  readonly device: WebDevice | undefined;
}

/** What the page can ask of the worker that trains. */
export interface TrainerWorker {
  /** Begins a run, and returns its number of steps. */
  begin(options: BeginOptions): Promise<number>;
  /** Goes on with the run that is kept at a place, and returns its number of steps. */
  goOn(place: string, device: WebDevice | undefined): Promise<number>;
  run(onStep: (metrics: StepMetrics) => void): Promise<number>;
  pause(): void;
  /** The model as it is now. */
  model(): ModelFiles;
  /** The run folder `nano` as a ZIP file. */
  folder(): Uint8Array;
}

interface Run {
  readonly trainer: Trainer;
  /** What was logged so far, a step each. */
  readonly metrics: StepMetrics[];
}

let current: Run | undefined;

function begun(): Run {
  if (!current) throw new Error("no run has begun");
  return current;
}

/** A run that goes on from where it was saved, and is kept at a place. */
async function openRun(
  saved: SavedRun,
  text: Uint8Array,
  place: string | undefined,
  device: WebDevice | undefined,
): Promise<Run> {
  const metrics = [...saved.metrics];
  const keep = async (checkpoint: Uint8Array): Promise<void> => {
    if (place === undefined) return;
    const training = !trainer.pausing && metrics.length < saved.steps;
    // Where there is no room for it, the run goes on without being kept.
    await saveRun(place, { ...saved, training, metrics, checkpoint }).catch(() => {});
  };
  const engine = await openEngine(device);
  const config = nanoConfig(saved.task);
  const trainer = createTrainer({ config, text, engine, checkpoint: saved.checkpoint, keep });
  return { trainer, metrics };
}

const api: TrainerWorker = {
  async begin({ task, material, text, place, device }) {
    const { steps } = nanoConfig(task).training;
    const run: SavedRun = { task, material, steps, training: true, metrics: [], checkpoint: undefined };
    // Where there is no room for the text, nothing could go on from a checkpoint.
    const isKept = place !== undefined && (await saveNewRun(place, run, text).catch(() => false));
    current = await openRun(run, text, isKept ? place : undefined, device);
    return steps;
  },
  async goOn(place, device) {
    const [run, text] = await Promise.all([savedRun(place), savedText(place)]);
    if (!run || !text) throw new Error("the run is not kept any more");
    current = await openRun(run, text, place, device);
    return run.steps;
  },
  run(onStep) {
    const { trainer, metrics } = begun();
    return trainer.run((step) => {
      metrics.push(step);
      onStep(step);
    });
  },
  pause: () => begun().trainer.pause(),
  model: () => begun().trainer.model(),
  folder: () => zipSync({ nano: begun().trainer.files() }, { level: 0 }),
};

expose(api);
