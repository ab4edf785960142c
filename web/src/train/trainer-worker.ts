import { expose } from "comlink";
import { zipSync } from "fflate";
import type { StepMetrics } from "infini-transformer/train";
import type { WebDevice, WebEngine } from "infini-transformer/web";
import { openEngine } from "../engine/open-engine.ts";
import type { ModelFiles } from "../engine/open-model.ts";
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

/** A run that can be trained. */
export interface OpenedRun {
  readonly steps: number;
  readonly device: WebDevice;
  /** Whether the browser keeps it. */
  readonly kept: boolean;
}

/** What the page can ask of the worker that trains. */
export interface TrainerWorker {
  begin(options: BeginOptions): Promise<OpenedRun>;
  /** Goes on with the run that is kept at a place. */
  goOn(place: string, device: WebDevice | undefined): Promise<OpenedRun>;
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
function openRun(saved: SavedRun, text: Uint8Array, place: string | undefined, engine: WebEngine): OpenedRun {
  const metrics = [...saved.metrics];
  const keep = async (checkpoint: Uint8Array): Promise<void> => {
    if (place === undefined) return;
    const training = !trainer.pausing && metrics.length < saved.steps;
    // Where there is no room for it, the run goes on without being kept.
    await saveRun(place, { ...saved, training, metrics, checkpoint }).catch(() => {});
  };
  const config = nanoConfig(saved.task);
  const trainer = createTrainer({ config, text, engine, checkpoint: saved.checkpoint, keep });
  current = { trainer, metrics };
  return { steps: saved.steps, device: engine.device, kept: place !== undefined };
}

const api: TrainerWorker = {
  async begin({ task, material, text, place, device }) {
    // Nothing is kept of a run that cannot begin.
    const engine = await openEngine(device);
    const { steps } = nanoConfig(task).training;
    const run: SavedRun = { task, material, steps, training: true, metrics: [], checkpoint: undefined };
    // Where there is no room for the text, nothing could go on from a checkpoint.
    const isKept = place !== undefined && (await saveNewRun(place, run, text).catch(() => false));
    return openRun(run, text, isKept ? place : undefined, engine);
  },
  async goOn(place, device) {
    const [run, text, engine] = await Promise.all([savedRun(place), savedText(place), openEngine(device)]);
    if (!run || !text) throw new Error("the run is not kept any more");
    return openRun(run, text, place, engine);
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
