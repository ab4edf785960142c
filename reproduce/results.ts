import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { comparisonSchema, type Comparison } from "../src/compare/results.ts";
import { parseConfig } from "../src/model/parse-config.ts";
import { readJson, toJson, writeAtomically } from "../src/node/files.ts";

const number = z.number();
const passkeyRow = z.looseObject({
  length: number,
  depth: number,
  samples: number,
  tokenAccuracy: number,
  standardError: number,
  exactMatch: number,
  exactStandardError: number,
});
const mqarRow = z.looseObject({
  pairs: number,
  length: number,
  distance: number,
  samples: number,
  accuracy: number,
  standardError: number,
  exact: number,
});
const recallRow = z.looseObject({
  task: z.string(),
  length: number,
  samples: number,
  score: number,
  standardError: number,
});
const memoryRow = z.strictObject({
  tokens: number,
  repeats: number,
  /** Most resident memory of the process: median of the repeats, and all of them. */
  residentBytes: number,
  allResidentBytes: z.array(number),
  /** Median of the repeats, and all of them. */
  tokensPerSecond: number,
  allTokensPerSecond: z.array(number),
  /** What a key/value cache of so many tokens would take. */
  keyValueCacheBytes: number,
});

const measured = <Kind extends string, Row extends z.ZodType>(kind: Kind, row: Row) =>
  z.strictObject({
    kind: z.literal(kind),
    settings: z.looseObject({ kind: z.literal(kind) }),
    seconds: number,
    rows: z.array(row),
  });
const evaluationSchema = z.discriminatedUnion("kind", [
  measured("passkey", passkeyRow),
  measured("mqar", mqarRow),
  measured("recall", recallRow),
  measured("constant-memory", memoryRow),
]);

/** What a file in the folder of results holds. */
const resultSchema = z.strictObject({
  name: z.string(),
  /** Tells apart configs, training texts and weights that were taken as they are. */
  modelHash: z.string(),
  config: z.strictObject({ model: z.looseObject({ segmentLength: number }), training: z.looseObject({}) }),
  configHash: z.string(),
  /** Of weights and training data. */
  seed: number,
  parameters: number,
  /** Of one stream. */
  stateBytes: number,
  /** None where a model folder was taken as it is. */
  trained: z.strictObject({ steps: number, tokens: number, minutes: number }).optional(),
  hardware: z.strictObject({ cpu: z.string(), cores: number, memoryBytes: number }),
  versions: z.record(z.string(), z.string()),
  evaluations: z.array(evaluationSchema),
});

export type Result = z.output<typeof resultSchema>;
export type Measured = Result["evaluations"][number];
export type MemoryRow = z.output<typeof memoryRow>;

/** An evaluation and its rows as they go to the file. Throws ConfigError when rows lack what the report reads. */
export function toMeasured(value: unknown): Measured {
  return parseConfig(evaluationSchema, value, "rows of an evaluation");
}

/** The result of an experiment, or nothing when there is none. Throws FileError or ConfigError for a broken file. */
export async function readResult(folder: string, name: string): Promise<Result | undefined> {
  const file = join(folder, `${name}.json`);
  return existsSync(file) ? parseConfig(resultSchema, await readJson(file), file) : undefined;
}

/** Every result of a folder, by its name; none when there is no folder. */
export async function readResults(folder: string): Promise<Map<string, Result>> {
  const results = new Map<string, Result>();
  for (const file of (await jsonFiles(folder)).filter((name) => !name.startsWith(COMPARISON))) {
    const result = await readResult(folder, file.slice(0, -".json".length));
    if (result) results.set(result.name, result);
  }
  return results;
}

/** What `infini compare` has left in a folder, by the name of the suite; none when there is no folder. */
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

/** Begins the names of files that `infini compare` writes. */
const COMPARISON = "compare-";

async function jsonFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((): string[] => []);
  return names.filter((name) => name.endsWith(".json")).toSorted();
}
