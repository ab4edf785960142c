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
  /** The name of what it trains on. */
  readonly material: string;
  readonly text: Uint8Array;
  /** Where the run is kept. */
  readonly place: string | undefined;
  /** The device, if one was chosen. */
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
  /** Continues the run kept at a place. */
  continueRun(place: string, device: WebDevice | undefined): Promise<OpenedRun>;
  run(onStep: (metrics: StepMetrics) => void): Promise<number>;
  pause(): void;
  /** The current model. */
  model(): ModelFiles;
  /** The run folder `nano` as a ZIP file. */
  folder(): Uint8Array;
}

interface TrainingRun {
  readonly trainer: Trainer;
  /** The metrics so far, one entry for each step. */
  readonly metrics: StepMetrics[];
}

let current: TrainingRun | undefined;

function begun(): TrainingRun {
  if (!current) throw new Error("no run has started");
  return current;
}

/** A run that continues from its checkpoint and is kept at a place. */
function openRun(saved: SavedRun, text: Uint8Array, place: string | undefined, engine: WebEngine): OpenedRun {
  const metrics = [...saved.metrics];
  const keep = async (checkpoint: Uint8Array): Promise<void> => {
    if (place === undefined) return;
    const training = !trainer.pausing && metrics.length < saved.steps;
    // Without room for it, the run continues but is not kept.
    await saveRun(place, { ...saved, training, metrics, checkpoint }).catch(() => {});
  };
  const config = nanoConfig(saved.task);
  const trainer = createTrainer({ config, text, engine, checkpoint: saved.checkpoint, keep });
  current = { trainer, metrics };
  return { steps: saved.steps, device: engine.device, kept: place !== undefined };
}

const api: TrainerWorker = {
  async begin({ task, material, text, place, device }) {
    // A run that cannot start is not kept.
    const engine = await openEngine(device);
    const { steps } = nanoConfig(task).training;
    const run: SavedRun = { task, material, steps, training: true, metrics: [], checkpoint: undefined };
    // Without room for the text, no checkpoint could be continued.
    const isKept = place !== undefined && (await saveNewRun(place, run, text).catch(() => false));
    return openRun(run, text, isKept ? place : undefined, engine);
  },
  async continueRun(place, device) {
    const [run, text, engine] = await Promise.all([savedRun(place), savedText(place), openEngine(device)]);
    if (!run || !text) throw new Error("the run is no longer kept");
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
