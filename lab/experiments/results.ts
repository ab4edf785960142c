import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { experimentSchema, measuredSchema, type Experiment, type Measured } from "../compare/experiments.ts";
import { comparisonSchema, type Comparison } from "../compare/results.ts";
import { parseConfig } from "../../src/base/parse-config.ts";
import { readJson, toJson, writeAtomically } from "../../src/platform/node/files.ts";

export type { Measured, MemoryRow } from "../compare/experiments.ts";
export type Result = Experiment;

/** An evaluation and its rows as written to the file. Throws ConfigError when rows lack what the report reads. */
export function toMeasured(value: unknown): Measured {
  return parseConfig(measuredSchema, value, "rows of an evaluation");
}

/** The result of an experiment, or nothing if there is none. Throws FileError or ConfigError for a broken file. */
export async function readResult(folder: string, name: string): Promise<Result | undefined> {
  const file = join(folder, `${name}.json`);
  return existsSync(file) ? parseConfig(experimentSchema, await readJson(file), file) : undefined;
}

/** Every result of a folder, by its name; none if there is no folder. */
export async function readResults(folder: string): Promise<Map<string, Result>> {
  const results = new Map<string, Result>();
  for (const file of (await jsonFiles(folder)).filter((name) => !name.startsWith(COMPARISON))) {
    const result = await readResult(folder, file.slice(0, -".json".length));
    if (result) results.set(result.name, result);
  }
  return results;
}

/** The results of `npm run lab -- compare` in a folder, by the name of the suite; none if there is no folder. */
export async function readComparisons(folder: string): Promise<Comparison[]> {
  const files = (await jsonFiles(folder))
    .filter((name) => name.startsWith(COMPARISON))
    .map((name) => join(folder, name));
  return Promise.all(files.map(async (file) => parseConfig(comparisonSchema, await readJson(file), file)));
}

export async function writeResult(folder: string, result: Result): Promise<void> {
  await writeAtomically(join(folder, `${result.name}.json`), toJson(result));
}

// --- internal ---

/** Prefix of the files that `npm run lab -- compare` writes. */
const COMPARISON = "compare-";

async function jsonFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((): string[] => []);
  return names.filter((name) => name.endsWith(".json")).toSorted();
}
