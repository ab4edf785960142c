import { appendFile, mkdir, readdir, readFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { FileError, readBytes, toJson, UNFINISHED, writeAtomically } from "../../platform/node/files.ts";
import { MODEL_FILES } from "../../platform/node/model-folder.ts";
import { openTensorFile } from "../../platform/node/tensor-files.ts";
import { tokenizerFile } from "../../platform/node/tokenizer-file.ts";
import { encodeWeights } from "../../model/checkpoint.ts";
import type { RunConfig } from "../../train/config.ts";
import { decodeRunState, encodeRunState, type RestoredRun, type RunText } from "../../train/run-state.ts";
import { startOfRun, weightsOf, type RunPosition } from "../../train/run.ts";
import { UsageError } from "../terminal/errors.ts";
import { parseMetrics, type MetricsLine } from "./metrics.ts";
import { renderTrainingReport } from "./training-report.ts";

export const CHECKPOINT = "checkpoint.safetensors";
export const METRICS = "metrics.jsonl";
/** A folder with the weights that predicted the held-out text best. */
export const BEST = "best";
export const REPORT = "report.html";

/** Where a run keeps its checkpoint, its metrics and the resulting model folder. */
export interface RunFolder {
  /** The position of the checkpoint. Throws ResumeError or SafetensorsError when it does not fit the config. */
  restore(): Promise<RestoredRun>;
  log(line: MetricsLine): Promise<void>;
  /** Writes the checkpoint, the configs and the weights; each replaces the previous one as a whole. */
  save(position: RunPosition): Promise<void>;
  /**
   * Saves the weights as the model folder `best` if they predict the held-out text better than those in it. Returns the
   * best value.
   */
  keepBest(position: RunPosition, bitsPerByte: number, heldOut: string): Promise<number>;
  /** Writes `report.html` from the log. */
  report(): Promise<void>;
}

export interface RunFolderOptions extends RunText {
  readonly folder: string;
  readonly config: RunConfig;
  readonly resume: boolean;
}

/**
 * A folder for a run. A new run needs an empty one, `resume` needs one that holds a run with the same tokenizer. Throws
 * {@link UsageError} otherwise.
 */
export async function openRunFolder({ folder, config, resume, ...text }: RunFolderOptions): Promise<RunFolder> {
  const file = (name: string): string => join(folder, name);
  const present = await filesIn(folder);
  if (resume && !present.includes(CHECKPOINT))
    throw new UsageError(`--resume: ${folder} holds no checkpoint to resume`);
  if (!resume && present.length > 0) {
    throw new UsageError(`--out: ${folder} is not empty; choose another folder, or continue its run with --resume`);
  }
  await mkdir(folder, { recursive: true }).catch(refuse(folder));
  const source = tokenizerFile(config.model, ".");
  const tokenizer = source === undefined ? undefined : await readBytes(source);
  const model = tokenizer ? { ...config.model, tokenizer: MODEL_FILES.tokenizer } : config.model;
  const kept = { ...config, model };
  if (resume && tokenizer && present.includes(MODEL_FILES.tokenizer))
    await checkSameTokenizer(file(MODEL_FILES.tokenizer), tokenizer);
  const writeModel = async (to: string, weights: Uint8Array): Promise<void> => {
    if (tokenizer) await writeAtomically(join(to, MODEL_FILES.tokenizer), tokenizer);
    await writeAtomically(join(to, MODEL_FILES.config), toJson(model));
    await writeAtomically(join(to, MODEL_FILES.weights), weights);
  };
  return {
    async restore() {
      const { state } = startOfRun(config);
      const restored = decodeRunState(await readBytes(file(CHECKPOINT)), state, kept, file(CHECKPOINT), text);
      await dropLaterMetrics(file(METRICS), restored.step);
      // They may be older than the checkpoint, if the run ended between the two.
      await writeAtomically(file(MODEL_FILES.weights), encodeWeights(weightsOf(restored.state)));
      return restored;
    },
    log: (line) =>
      appendFile(file(METRICS), `${JSON.stringify(line)}\n`).catch((cause: Error) => {
        throw new FileError(`${file(METRICS)}: cannot be written: ${cause.message}`, { cause });
      }),
    async save({ state, step }) {
      // The checkpoint comes first: a folder with anything in it can be resumed.
      await writeAtomically(file(CHECKPOINT), encodeRunState(state, step, kept, text));
      if (tokenizer) await writeAtomically(file(MODEL_FILES.tokenizer), tokenizer);
      await writeAtomically(file(MODEL_FILES.config), toJson(model));
      await writeAtomically(file(MODEL_FILES.training), toJson(config.training));
      await writeAtomically(file(MODEL_FILES.weights), encodeWeights(weightsOf(state)));
    },
    async keepBest({ state, step }, bitsPerByte, heldOut) {
      const best = await bestOf(join(file(BEST), MODEL_FILES.weights), heldOut);
      if (!(bitsPerByte < best)) return best;
      // The value is in the file with the weights, so the two are replaced together.
      const notes = { step: String(step), bitsPerByte: String(bitsPerByte), heldOut };
      await writeModel(file(BEST), encodeWeights(weightsOf(state), notes));
      return bitsPerByte;
    },
    async report() {
      const lines = parseMetrics(await readFile(file(METRICS), "utf8").catch(() => ""));
      await writeAtomically(file(REPORT), await renderTrainingReport(basename(folder), lines));
    },
  };
}

// --- internal ---

/** Bits per byte of the best weights so far on this text; Infinity if there are none. */
async function bestOf(file: string, heldOut: string): Promise<number> {
  if (!existsSync(file)) return Infinity;
  const { metadata } = await openTensorFile(file);
  return metadata["heldOut"] === heldOut ? Number(metadata["bitsPerByte"]) : Infinity;
}

/** Names of the files in a folder, or none if it does not exist; not those that a killed run was writing. */
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

/** Steps after the checkpoint will be repeated, so their log entries are removed. */
async function dropLaterMetrics(file: string, step: number): Promise<void> {
  const text = await readFile(file, "utf8").catch(() => "");
  const kept = parseMetrics(text).filter((line) => line.step <= step);
  await writeAtomically(file, kept.map((line) => `${JSON.stringify(line)}\n`).join(""));
}
