import { stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { readCorpus, splitFoldersOf } from "../../src/platform/node/corpus.ts";
import { DatasetError, splitDocuments, SPLITS, type Split, type Splits, type TextFile } from "./dataset.ts";

/** Shares of the documents held out from a folder that has no split. */
export const HELD_OUT = { validation: 0.05, test: 0.05 } as const;

/**
 * The documents of a folder of `.txt` and `.jsonl` files. One with folders `train`, `validation` and `test` keeps its
 * split; any other is divided by document. Throws {@link DatasetError}, and CorpusError for anything that is not text.
 */
export async function readFolder(folder: string, seed: number): Promise<{ splits: Splits; split: string }> {
  if (!(await isFolder(folder))) throw new DatasetError(`--from: ${folder} is not a folder`);
  const own = await splitFoldersOf(folder);
  if (own.length === 0) {
    const splits = splitDocuments(await readTexts(folder), { seed, ...HELD_OUT });
    return { splits, split: `by document with seed ${seed}: 5 % test, 5 % validation, at least one of each` };
  }
  const missing = SPLITS.filter((split) => !own.includes(split));
  if (missing.length > 0)
    throw new DatasetError(`--from: ${folder} has a folder ${own[0]}, but no folder ${missing[0]}`);
  const texts = await Promise.all(SPLITS.map(async (split) => [split, await readTexts(join(folder, split))] as const));
  return { splits: Object.fromEntries(texts) as Record<Split, TextFile[]>, split: "that of the folder" };
}

// --- internal ---

async function isFolder(path: string): Promise<boolean> {
  const info = await stat(path).catch(() => undefined);
  return info?.isDirectory() ?? false;
}

/** Documents under unique names: files in two folders may have the same name. */
async function readTexts(folder: string): Promise<TextFile[]> {
  const taken = new Set<string>();
  return (await readCorpus([folder])).map(({ name, tokens }) => {
    const plain = extname(name) === ".txt" ? name.slice(0, -".txt".length) : name.replaceAll(":", "-");
    let free = plain;
    for (let copy = 2; taken.has(free); copy++) free = `${plain}.${copy}`;
    taken.add(free);
    return { name: free, bytes: tokens };
  });
}
