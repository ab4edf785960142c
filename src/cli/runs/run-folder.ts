import { appendFile, mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { FileError, readBytes, toJson, UNFINISHED, writeAtomically } from "../../platform/node/files.ts";
import { MODEL_FILES } from "../../platform/node/model-folder.ts";
import { tokenizerFile } from "../../platform/node/tokenizer-file.ts";
import { encodeWeights } from "../../model/checkpoint.ts";
import type { RunConfig } from "../../train/config.ts";
import type { StepMetrics } from "../../train/loop.ts";
import { decodeRunState, encodeRunState } from "../../train/run-state.ts";
import { startOfRun, weightsOf, type RunPosition } from "../../train/run.ts";
import { UsageError } from "../terminal/errors.ts";

export const CHECKPOINT = "checkpoint.safetensors";
export const METRICS = "metrics.jsonl";

/** Where a run keeps its checkpoint, its metrics and the model folder that comes of it. */
export interface RunFolder {
  /** Where the checkpoint stands. Throws ResumeError or SafetensorsError when it does not fit the config. */
  restore(): Promise<RunPosition>;
  log(metrics: StepMetrics): Promise<void>;
  /** Writes the checkpoint, the configs and the weights; each replaces the former as a whole. */
  save(position: RunPosition): Promise<void>;
}

/**
 * A folder for a run. A new run needs an empty one, `resume` one that holds a run, with the same tokenizer. Throws
 * {@link UsageError} otherwise.
 */
export async function openRunFolder(folder: string, config: RunConfig, resume: boolean): Promise<RunFolder> {
  const file = (name: string): string => join(folder, name);
  const present = await filesIn(folder);
  if (resume && !present.includes(CHECKPOINT))
    throw new UsageError(`--resume: ${folder} holds no checkpoint to go on from`);
  if (!resume && present.length > 0) {
    throw new UsageError(`--out: ${folder} is not empty; choose another folder, or go on with its run by --resume`);
  }
  await mkdir(folder, { recursive: true }).catch(refuse(folder));
  const source = tokenizerFile(config.model, ".");
  const tokenizer = source === undefined ? undefined : await readBytes(source);
  const model = tokenizer ? { ...config.model, tokenizer: MODEL_FILES.tokenizer } : config.model;
  if (resume && tokenizer && present.includes(MODEL_FILES.tokenizer))
    await checkSameTokenizer(file(MODEL_FILES.tokenizer), tokenizer);
  return {
    async restore() {
      const { state } = startOfRun(config);
      const restored = decodeRunState(await readBytes(file(CHECKPOINT)), state, config, file(CHECKPOINT));
      await dropLaterMetrics(file(METRICS), restored.step);
      // They may be older than the checkpoint, when the run ended between the two.
      await writeAtomically(file(MODEL_FILES.weights), encodeWeights(weightsOf(restored.state)));
      return restored;
    },
    log: (metrics) =>
      appendFile(file(METRICS), `${JSON.stringify(metrics)}\n`).catch((cause: Error) => {
        throw new FileError(`${file(METRICS)}: cannot be written: ${cause.message}`, { cause });
      }),
    async save({ state, step }) {
      // The checkpoint comes first: a folder with anything in it can be gone on with.
      await writeAtomically(file(CHECKPOINT), encodeRunState(state, step, config));
      if (tokenizer) await writeAtomically(file(MODEL_FILES.tokenizer), tokenizer);
      await writeAtomically(file(MODEL_FILES.config), toJson(model));
      await writeAtomically(file(MODEL_FILES.training), toJson(config.training));
      await writeAtomically(file(MODEL_FILES.weights), encodeWeights(weightsOf(state)));
    },
  };
}

// --- internal ---

/** Names of the files in a folder, none when there is no such folder; not those that a killed run was writing. */
async function filesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((cause: NodeJS.ErrnoException) =>
    cause.code === "ENOENT" ? [] : refuse(folder)(cause),
  );
  return names.filter((name) => !name.endsWith(UNFINISHED));
}

function refuse(folder: string): (cause: Error) => never {
  return (cause) => {
    throw new UsageError(`--out: ${folder} cannot be used as a folder: ${cause.message}`, { cause });
  };
}

async function checkSameTokenizer(file: string, tokenizer: Uint8Array): Promise<void> {
  if (Buffer.compare(await readBytes(file), tokenizer) !== 0)
    throw new UsageError(`--resume: the run began with another tokenizer, ${file}`);
}

/** Steps after the checkpoint will be done again, so what was logged of them goes. */
async function dropLaterMetrics(file: string, step: number): Promise<void> {
  const text = await readFile(file, "utf8").catch(() => "");
  const kept = text.split("\n").filter((line) => line.endsWith("}") && (JSON.parse(line) as StepMetrics).step <= step);
  await writeAtomically(file, kept.map((line) => `${line}\n`).join(""));
}
