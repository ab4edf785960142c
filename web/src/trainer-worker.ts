import { expose } from "comlink";
import { zipSync } from "fflate";
import type { StepMetrics } from "infini-transformer/train";
import { createWebEngine } from "infini-transformer/web";
import { RUNTIME_FILES } from "./runtime-files.ts";
import { createTrainer, nanoConfig, type Trainer, type TrainingTask } from "./trainer.ts";

/** What the page can ask of the worker that trains. */
export interface TrainerWorker {
  /** Begins a run and returns its number of steps. */
  begin(task: TrainingTask, text: Uint8Array): Promise<number>;
  run(onStep: (metrics: StepMetrics) => void): Promise<number>;
  pause(): void;
  /** The run folder `nano` as a ZIP file. */
  folder(): Uint8Array;
}

let trainer: Trainer | undefined;

function begun(): Trainer {
  if (!trainer) throw new Error("no run has begun");
  return trainer;
}

const api: TrainerWorker = {
  async begin(task, text) {
    const config = nanoConfig(task);
    trainer = createTrainer(config, text, await createWebEngine({ assets: RUNTIME_FILES }));
    return config.training.steps;
  },
  run: (onStep) => begun().run(onStep),
  pause: () => begun().pause(),
  folder: () => zipSync({ nano: begun().files() }, { level: 0 }),
};

expose(api);
