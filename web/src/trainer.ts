import type { Engine } from "infini-transformer/engine";
import { flatten, type FloatTensor } from "infini-transformer/graph";
import { encodeWeights, MODEL_FILES } from "infini-transformer/model";
import {
  encodeRunState,
  parseRunConfig,
  presets,
  runTraining,
  startOfRun,
  trainedModel,
  type RunConfig,
  type StepMetrics,
} from "infini-transformer/train";
import { breath } from "./breath.ts";

/** What can be trained on. */
export const TASKS = ["text", "passkey"] as const;
export type TrainingTask = (typeof TASKS)[number];

/** A run that can be paused and gone on with, bit for bit as if it had not been. */
export interface Trainer {
  /** Trains until it is done or paused; returns the steps done. */
  run(onStep: (metrics: StepMetrics) => void): Promise<number>;
  pause(): void;
  /** The files of a run folder, by name: a model folder, and what `infini train recipe.json --resume` goes on from. */
  files(): Readonly<Record<string, Uint8Array>>;
}

/** The preset `nano`, on a text or on pass keys in the paper's garbage. */
export function nanoConfig(task: TrainingTask): RunConfig {
  const { model, training } = presets.nano;
  if (task === "text") return parseRunConfig({ model, training });
  const mixture = [{ task, share: 1, haystack: "garbage" }];
  return parseRunConfig({ model, training: { ...training, length: SHORTEST_WITH_KEY, mixture } });
}

/** A run that has done no step. Without text, it must be on a task that reads none. */
export function createTrainer(config: RunConfig, text: Uint8Array, engine: Engine): Trainer {
  const documents = text.length > 0 ? [{ name: "text", tokens: text }] : [];
  let position = startOfRun(config);
  let stopping = new AbortController();
  return {
    async run(onStep) {
      stopping = new AbortController();
      position = await runTraining({
        config,
        documents,
        engine,
        from: position,
        signal: stopping.signal,
        async onStep(metrics) {
          onStep(metrics);
          await breath();
        },
      });
      return position.step;
    },
    pause: () => stopping.abort(),
    files() {
      const { model, training } = config;
      const { params } = trainedModel(config, position);
      return {
        "recipe.json": jsonFile(config),
        [MODEL_FILES.config]: jsonFile(model),
        [MODEL_FILES.training]: jsonFile(training),
        [MODEL_FILES.weights]: encodeWeights(flatten<FloatTensor>(params), model),
        "checkpoint.safetensors": encodeRunState(position.state, position.step, config),
      };
    },
  };
}

// --- internal ---

/** Tokens of a sequence that has room for a pass key: ten segments. */
const SHORTEST_WITH_KEY = 320;

function jsonFile(value: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
}
