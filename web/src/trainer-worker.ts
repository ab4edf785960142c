import { expose } from "comlink";
import { zipSync } from "fflate";
import type { StepMetrics } from "infini-transformer/train";
import { createWebEngine } from "infini-transformer/web";
import { savedRun, saveRun } from "./run-store.ts";
import { RUNTIME_FILES } from "./runtime-files.ts";
import { createTrainer, nanoConfig, type Trainer, type TrainingTask } from "./trainer.ts";

export interface BeginOptions {
  readonly task: TrainingTask;
  readonly text: Uint8Array;
  /** Where the run is kept. It goes on with one that is there already. */
  readonly place: string | undefined;
}

/** What the page can ask of the worker that trains. */
export interface TrainerWorker {
  /** Begins a run, or goes on with one, and returns its number of steps. */
  begin(options: BeginOptions): Promise<number>;
  run(onStep: (metrics: StepMetrics) => void): Promise<number>;
  pause(): void;
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

const api: TrainerWorker = {
  async begin({ task, text, place }) {
    const config = nanoConfig(task);
    const { steps } = config.training;
    const saved = place === undefined ? undefined : await savedRun(place);
    const metrics = [...(saved?.metrics ?? [])];
    const keep = async (checkpoint: Uint8Array): Promise<void> => {
      if (place === undefined) return;
      const training = !trainer.pausing && metrics.length < steps;
      // Where there is no room for it, the run goes on without being kept.
      await saveRun(place, { task, steps, training, metrics, checkpoint }).catch(() => {});
    };
    const engine = await createWebEngine({ assets: RUNTIME_FILES });
    const trainer = createTrainer({ config, text, engine, checkpoint: saved?.checkpoint, keep });
    current = { trainer, metrics };
    return steps;
  },
  run(onStep) {
    const { trainer, metrics } = begun();
    return trainer.run((step) => {
      metrics.push(step);
      onStep(step);
    });
  },
  pause: () => begun().trainer.pause(),
  folder: () => zipSync({ nano: begun().trainer.files() }, { level: 0 }),
};

expose(api);
