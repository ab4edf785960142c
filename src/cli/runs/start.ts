import { readBytes } from "../../platform/node/files.ts";
import { loadModelFolder } from "../../platform/node/model-folder.ts";
import { tokenizerFile } from "../../platform/node/tokenizer-file.ts";
import type { ModelConfig } from "../../model/config.ts";
import type { RunConfig } from "../../train/config.ts";
import { startOfRun, type RunPosition } from "../../train/run.ts";
import { UsageError } from "../terminal/errors.ts";
import type { RunFolder } from "./run-folder.ts";

/**
 * The start of a run, with the weights of a model folder or fresh ones. Throws StartError when the model has another
 * structure, UsageError when it has another tokenizer.
 */
export async function startedFrom(config: RunConfig, from: string | undefined): Promise<RunPosition> {
  if (from === undefined) return startOfRun(config);
  const loaded = await loadModelFolder(from);
  if (!(await haveSameTokenizer(config.model, ".", loaded.model.config, from)))
    throw new UsageError(`--from: ${from} has a different tokenizer from the config`);
  return startOfRun(config, loaded);
}

/** The checkpoint of a folder; changes since then are reported on standard error, one per line. */
export async function resumed(folder: RunFolder): Promise<RunPosition> {
  const { changes, ...position } = await folder.restore();
  for (const change of changes) process.stderr.write(`changed: ${change}\n`);
  return position;
}

// --- internal ---

/** Whether two models have the same tokenizer; tokenizer files next to their configs are compared. */
async function haveSameTokenizer(
  a: ModelConfig,
  folderOfA: string,
  b: ModelConfig,
  folderOfB: string,
): Promise<boolean> {
  const [fileOfA, fileOfB] = [tokenizerFile(a, folderOfA), tokenizerFile(b, folderOfB)];
  if (fileOfA === undefined || fileOfB === undefined)
    return fileOfA === fileOfB && (a.tokenizer ?? "bytes") === (b.tokenizer ?? "bytes");
  return Buffer.compare(await readBytes(fileOfA), await readBytes(fileOfB)) === 0;
}
