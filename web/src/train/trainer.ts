import type { Engine } from "infini-transformer/engine";
import { flatten, type FloatTensor } from "infini-transformer/tensor";
import { encodeWeights, MODEL_FILES } from "infini-transformer/model";
import {
  decodeRunState,
  encodeRunState,
  parseRunConfig,
  presets,
  runTraining,
  startOfRun,
  trainedModel,
  type RunConfig,
  type StepMetrics,
} from "infini-transformer/train";
import { breath } from "../shared/breath.ts";
import type { ModelFiles } from "../engine/open-model.ts";

/** What can be trained on: the book that comes with the page, the user's own text, or pass keys. */
export type TrainingTask = "book" | "own" | "passkey";

/** A run that can be paused and continued, on the same device bit for bit as if it had never stopped. */
export interface Trainer {
  /** Trains until it is done or paused; returns the steps done. */
  run(onStep: (metrics: StepMetrics) => void): Promise<number>;
  pause(): void;
  /** Whether it was told to pause. */
  readonly pausing: boolean;
  /** The current model. */
  model(): ModelFiles;
  /**
   * The files of a run folder, by name: a model folder, and what `infini train recipe.json --resume` continues from, with
   * `text.txt` as `--data` where the task reads a text.
   */
  files(): Readonly<Record<string, Uint8Array>>;
}

/** The preset `nano`, on a text or on pass keys in the paper's garbage. */
export function nanoConfig(task: TrainingTask): RunConfig {
  const { model, training } = presets.nano;
  if (task !== "passkey") return parseRunConfig({ model, training });
  const mixture = [{ task, share: 1, haystack: "garbage" }];
  return parseRunConfig({ model, training: { ...training, length: SHORTEST_WITH_KEY, mixture } });
}

export interface TrainerOptions {
  readonly config: RunConfig;
  /** May be empty for a task without a text. */
  readonly text: Uint8Array;
  readonly engine: Engine;
  /** Where to continue from. Default: the start of a new run. */
  readonly checkpoint?: Uint8Array | undefined;
  /** Gets a checkpoint every few steps, and when the run stops. */
  keep?(checkpoint: Uint8Array): Promise<void>;
}

/** A run. Throws ResumeError for a checkpoint of another config. */
export function createTrainer({ config, text, engine, checkpoint, keep }: TrainerOptions): Trainer {
  const documents = text.length > 0 ? [{ name: "text", tokens: text }] : [];
  const start = startOfRun(config);
  let position = checkpoint ? decodeRunState(checkpoint, start.state, config, "the saved run") : start;
  let stopping = new AbortController();
  const model = (): ModelFiles => {
    const { params } = trainedModel(config, position);
    return {
      [MODEL_FILES.config]: jsonFile(config.model),
      [MODEL_FILES.weights]: encodeWeights(flatten<FloatTensor>(params)),
    };
  };
  return {
    async run(onStep) {
      stopping = new AbortController();
      position = await runTraining({
        config: { ...config, training: { ...config.training, checkpointEvery: STEPS_BETWEEN_SAVES } },
        documents,
        engine,
        from: position,
        signal: stopping.signal,
        async onStep(metrics) {
          onStep(metrics);
          await breath();
        },
        save: async ({ state, step }) => keep?.(encodeRunState(state, step, config)),
      });
      return position.step;
    },
    pause: () => stopping.abort(),
    get pausing() {
      return stopping.signal.aborted;
    },
    model,
    files: () => ({
      ...model(),
      "recipe.json": jsonFile(config),
      [MODEL_FILES.training]: jsonFile(config.training),
      "checkpoint.safetensors": encodeRunState(position.state, position.step, config),
      ...(text.length > 0 && { "text.txt": text }),
    }),
  };
}

// --- internal ---

/** Tokens of a sequence that has room for a pass key: ten segments. */
const SHORTEST_WITH_KEY = 320;
/** At most this much is lost when the page is closed. */
const STEPS_BETWEEN_SAVES = 10;

function jsonFile(value: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
}
