import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { FileError, reason, toJson, writeAtomically } from "../../src/platform/node/files.ts";
import { DatasetError, SPLITS, type Split, type Splits } from "./dataset.ts";
import { sha256Of, type Provenance } from "./packages.ts";

/** What `data.json` says about a dataset. */
export interface DatasetReport {
  readonly name: string;
  /** How documents are divided. */
  readonly split: string;
  /** The packages that the texts come from. */
  readonly sources: readonly Provenance[];
  /** The folder they come from, if not a package. */
  readonly from?: string;
  readonly splits: Readonly<Record<Split, SplitReport>>;
}

export interface SplitReport {
  readonly documents: number;
  readonly bytes: number;
  readonly files: readonly { readonly file: string; readonly bytes: number; readonly sha256: string }[];
}

/** Name of the file that describes a dataset. */
export const DATASET_FILE = "data.json";

export interface WriteOptions {
  readonly name: string;
  readonly split: string;
  readonly sources: readonly Provenance[];
  readonly from?: string;
  /** Called with the bytes done and the total. */
  onProgress?(done: number, total: number): void;
}

/**
 * Throws {@link DatasetError} when a folder holds anything; with `force`, when it holds anything but a dataset.
 */
export async function checkTarget(folder: string, force: boolean): Promise<void> {
  const present = await readdir(folder).catch((cause: NodeJS.ErrnoException): string[] => {
    if (cause.code === "ENOENT") return [];
    throw new DatasetError(`--out: ${folder} cannot be used as a folder: ${cause.message}`, { cause });
  });
  if (present.length === 0) return;
  if (!force)
    throw new DatasetError(`--out: ${folder} is not empty; choose another folder, or replace it with --force`);
  if (!present.includes(DATASET_FILE))
    throw new DatasetError(
      `--out: ${folder} holds no ${DATASET_FILE}, so it is not a dataset that --force may replace`,
    );
}

/**
 * Writes documents as folders `train`, `validation` and `test` of `.txt` files next to `data.json`. Everything is first
 * written next to the folder, so no one sees half of it. Throws FileError.
 */
export async function writeDataset(folder: string, splits: Splits, options: WriteOptions): Promise<DatasetReport> {
  const target = resolve(folder);
  await mkdir(dirname(target), { recursive: true });
  const beside = await mkdtemp(join(dirname(target), `.${basename(target)}-`)).catch((cause: unknown) => {
    throw new FileError(`${folder}: cannot be written: ${reason(cause)}`, { cause });
  });
  try {
    const report = await writeFiles(join(beside, "new"), splits, options);
    await replaceFolder(target, join(beside, "new"), join(beside, "old"));
    return report;
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
}

// --- internal ---

/** Puts a new folder in place; an existing one is moved away. */
async function replaceFolder(target: string, replacement: string, old: string): Promise<void> {
  try {
    await rename(target, old).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== "ENOENT") throw cause;
    });
    await rename(replacement, target);
  } catch (cause) {
    throw new FileError(`${target}: cannot be replaced: ${reason(cause)}`, { cause });
  }
}

async function writeFiles(folder: string, splits: Splits, options: WriteOptions): Promise<DatasetReport> {
  const { onProgress, ...description } = options;
  const total = SPLITS.flatMap((part) => splits[part]).reduce((sum, { bytes }) => sum + bytes.length, 0);
  let done = 0;
  const writeSplit = async (part: Split): Promise<[Split, SplitReport]> => {
    const files: SplitReport["files"][number][] = [];
    for (const { name: title, bytes } of splits[part]) {
      const file = `${part}/${title}.txt`;
      await writeAtomically(join(folder, file), bytes);
      files.push({ file, bytes: bytes.length, sha256: sha256Of(bytes) });
      onProgress?.((done += bytes.length), total);
    }
    return [part, { documents: files.length, bytes: files.reduce((sum, file) => sum + file.bytes, 0), files }];
  };
  const written: [Split, SplitReport][] = [];
  for (const part of SPLITS) written.push(await writeSplit(part));
  const report = { ...description, splits: Object.fromEntries(written) as Record<Split, SplitReport> };
  await writeAtomically(join(folder, DATASET_FILE), toJson(report));
  return report;
}
