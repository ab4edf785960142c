import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { books } from "./books.ts";
import { DatasetError, type Dataset } from "./dataset.ts";
import { readFolder } from "./folder.ts";
import { maths } from "./maths.ts";
import { openPackage, type Package, type ProgramRunner } from "./packages.ts";
import { speeches } from "./speeches.ts";
import { checkTarget, writeDataset, type DatasetReport } from "./write.ts";

/** Every dataset from packages, by name. */
export const DATASETS: Readonly<Record<string, Dataset>> = { books, maths, speeches };

interface PrepareOptions {
  /** The folder to write. */
  readonly out: string;
  /** Whether to replace an existing dataset. Default false. */
  readonly force?: boolean;
  /** Called with a description of the current step. */
  onStep?(step: string): void;
  /** Called with the bytes written and the total. */
  onProgress?(done: number, total: number): void;
}

export interface PackageOptions extends PrepareOptions {
  /** The Debian package, as a file or as the folder that it is unpacked in, instead of a download. */
  readonly deb?: string;
  /** Runs npm, apt-get, tar and dpkg-deb. Default: runs the real programs. */
  readonly run?: ProgramRunner;
}

export interface FolderOptions extends PrepareOptions {
  readonly from: string;
  /** Of the split. Default 0. */
  readonly seed?: number;
}

/**
 * Downloads the texts of a dataset, divides them and writes them with a `data.json` that states their sources.
 * Throws DatasetError, FileError or CorpusError, and then leaves nothing behind.
 */
export async function prepareDataset(name: string, options: PackageOptions): Promise<DatasetReport> {
  const dataset = DATASETS[name];
  if (!dataset) throw new DatasetError(`there is no dataset "${name}"`);
  const { out, force = false, deb, run, onStep, onProgress } = options;
  if (deb !== undefined && !dataset.sources.some(({ manager }) => manager === "apt"))
    throw new DatasetError(`--deb: ${name} needs no Debian package`);
  await checkTarget(out, force);
  const workplace = await mkdtemp(join(tmpdir(), "infini-data-"));
  try {
    const packages: Package[] = [];
    for (const [i, source] of dataset.sources.entries()) {
      const given = source.manager === "apt" ? deb : undefined;
      const folder = join(workplace, String(i));
      packages.push(
        await openPackage(source, { folder, ...(given && { given }), ...(run && { run }), ...(onStep && { onStep }) }),
      );
    }
    const splits = await dataset.read(...packages.map(({ folder }) => folder));
    const sources = packages.map(({ provenance }) => provenance);
    return await writeDataset(out, splits, { name, split: dataset.split, sources, ...(onProgress && { onProgress }) });
  } finally {
    await rm(workplace, { recursive: true, force: true });
  }
}

/** The same for a folder of `.txt` and `.jsonl` files. */
export async function prepareFolder({ out, force = false, ...options }: FolderOptions): Promise<DatasetReport> {
  const { from, seed = 0, onStep, onProgress } = options;
  await checkTarget(out, force);
  onStep?.(`reading ${from}`);
  const { splits, split } = await readFolder(from, seed);
  return writeDataset(out, splits, { name: "folder", split, sources: [], from, ...(onProgress && { onProgress }) });
}
