import { z } from "zod";
import { parseConfig } from "../../../src/base/parse-config.ts";
import { readJson } from "../../../src/platform/node/files.ts";

/* What the benchmarks have measured, in the form of `lab/bench/results.json`: every turn of every contestant. */

const quantitySchema = z.strictObject({
  label: z.string(),
  unit: z.enum(["tokens/s", "s", "B"]),
  better: z.enum(["higher", "lower"]),
});

const rowSchema = z.strictObject({
  name: z.string(),
  computed: z.array(z.number()).optional(),
  /** By quantity, a value for each round. */
  readings: z.record(z.string(), z.array(z.number())),
});

const contestSchema = z.strictObject({
  title: z.string(),
  quantities: z.record(z.string(), quantitySchema),
  flopsPerToken: z.number().positive().optional(),
  /** FLOP/s of a product of 1,024 cubed, before each round. */
  gemmRates: z.array(z.number().positive()),
  rows: z.array(rowSchema).min(1),
});

const benchmarkSchema = z.strictObject({
  about: z.string(),
  date: z.iso.date(),
  /** Commit that was measured; unknown outside a repository. */
  commit: z.string(),
  quick: z.boolean(),
  rounds: z.int().positive(),
  machine: z.strictObject({
    hardware: z.strictObject({ cpu: z.string(), cores: z.int(), memoryBytes: z.number() }),
    versions: z.record(z.string(), z.string()),
  }),
  contests: z.array(contestSchema),
});

const resultsSchema = z.record(z.string(), benchmarkSchema);

export type Quantity = Readonly<z.output<typeof quantitySchema>>;
export type RowResult = z.output<typeof rowSchema>;
export type ContestResult = z.output<typeof contestSchema>;
export type BenchmarkResult = z.output<typeof benchmarkSchema>;
/** By the name of the benchmark. */
export type BenchResults = z.output<typeof resultsSchema>;

/** The results in a file. Throws FileError, or ConfigError when it holds something else. */
export async function readResults(file: string): Promise<BenchResults> {
  return parseConfig(resultsSchema, await readJson(file), file);
}
