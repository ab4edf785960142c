import { appendFile, mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { readBytes, toJson, writeAtomically } from "../data/files.ts";
import { MODEL_FILES } from "../data/model-folder.ts";
import type { HostTensor } from "../graph/host-tensor.ts";
import type { Flat } from "../graph/tree.ts";
import { encodeWeights } from "../model/checkpoint.ts";
import type { RunConfig } from "../train/config.ts";
import type { StepMetrics } from "../train/loop.ts";
import { decodeRunState, encodeRunState } from "../train/run-state.ts";
import type { TrainingState } from "../train/stepper.ts";
import { UsageError } from "./errors.ts";

const CHECKPOINT = "checkpoint.safetensors";
const METRICS = "metrics.jsonl";

/** Where a run keeps its checkpoint, its metrics and the model folder that comes of it. */
export interface RunFolder {
  /** State and step of the checkpoint. */
  restore(like: TrainingState): Promise<{ state: TrainingState; step: number }>;
  log(metrics: StepMetrics): Promise<void>;
  /** Writes the checkpoint and then the weights; each replaces the former as a whole. */
  save(state: TrainingState, step: number): Promise<void>;
}

/**
 * A folder for a run. A new run needs an empty one, `resume` one that holds a run. Throws {@link UsageError}
 * otherwise.
 */
export async function openRunFolder(folder: string, config: RunConfig, resume: boolean): Promise<RunFolder> {
  const file = (name: string): string => join(folder, name);
  const present = await readdir(folder).catch((): string[] => []);
  if (resume && !present.includes(CHECKPOINT)) throw new UsageError(`--resume: ${folder} holds no checkpoint to go on from`);
  if (!resume && present.length > 0) {
    throw new UsageError(`--out: ${folder} is not empty; choose another folder, or go on with its run by --resume`);
  }
  await mkdir(folder, { recursive: true });
  await writeAtomically(file(MODEL_FILES.config), toJson(config.model));
  await writeAtomically(file(MODEL_FILES.training), toJson(config.training));
  return {
    async restore(like) {
      const restored = decodeRunState(await readBytes(file(CHECKPOINT)), like, config, file(CHECKPOINT));
      await dropLaterMetrics(file(METRICS), restored.step);
      return restored;
    },
    log: (metrics) => appendFile(file(METRICS), `${JSON.stringify(metrics)}\n`),
    async save(state, step) {
      await writeAtomically(file(CHECKPOINT), encodeRunState(state, step, config));
      await writeAtomically(file(MODEL_FILES.weights), encodeWeights(weightsOf(state), config.model));
    },
  };
}

// --- internal ---

/** Steps after the checkpoint will be done again, so what was logged of them goes. */
async function dropLaterMetrics(file: string, step: number): Promise<void> {
  const text = await readFile(file, "utf8").catch(() => "");
  const kept = text.split("\n").filter((line) => line.endsWith("}") && (JSON.parse(line) as StepMetrics).step <= step);
  await writeAtomically(file, kept.map((line) => `${line}\n`).join(""));
}

function weightsOf(state: TrainingState): Flat<HostTensor> {
  const prefix = "params.";
  const entries = Object.entries(state).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(entries.map(([name, value]) => [name.slice(prefix.length), value]));
}
