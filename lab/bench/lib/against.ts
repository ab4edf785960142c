import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { FileError } from "../../../src/platform/node/files.ts";
import { readResults, type BenchResults, type ContestResult, type RowResult } from "./results.ts";
import { REPOSITORY } from "./shipped-model.ts";

/** What is compared by default. */
export const COMPARED = ["training", "prefill", "decode"];

export interface AgainstOptions {
  /** The benchmarks, by name. */
  readonly names: readonly string[];
  readonly rounds: number;
  readonly quick: boolean;
  /** A folder for files. */
  readonly folder: string;
}

/**
 * Measures this version and another checkout alternately, A B A B; each turn runs the benchmark program of its version.
 * Returns a contest for everything that both measure. Throws FileError for a checkout without benchmarks.
 */
export async function runAgainst(checkout: string, options: AgainstOptions): Promise<readonly ContestResult[]> {
  const [ours, theirs]: BenchResults[][] = [[], []];
  const other = programOf(checkout);
  for (let round = 0; round < options.rounds; round++) {
    ours?.push(await oneTurn(REPOSITORY, programOf(REPOSITORY), options));
    theirs?.push(await oneTurn(checkout, other, options));
  }
  return pairUp(ours ?? [], theirs ?? [], checkout);
}

/** Contests of two from the turns of each: one for every row that both have. */
export function pairUp(
  ours: readonly BenchResults[],
  theirs: readonly BenchResults[],
  checkout: string,
): readonly ContestResult[] {
  const rows = rowsOf(ours[0] ?? {});
  return Object.entries(rows).flatMap(([title, { contest, row }]) => {
    const gather = (name: string, turns: readonly BenchResults[]): RowResult | undefined => {
      const found = turns.map((turn) => rowsOf(turn)[title]?.row);
      if (found.some((each) => !each)) return undefined;
      const readings = Object.keys(row.readings).map((quantity) => [
        quantity,
        found.flatMap((each) => each?.readings[quantity] ?? []),
      ]);
      const computed = found[0]?.computed;
      return { name, readings: Object.fromEntries(readings), ...(computed && { computed }) };
    };
    const [mine, other] = [gather("this version", ours), gather(checkout, theirs)];
    const gemmRates = ours.flatMap((turn) => rowsOf(turn)[title]?.contest.gemmRates ?? []);
    return mine && other ? [{ ...contest, title, gemmRates, rows: [mine, other] }] : [];
  });
}

// --- internal ---

/** Where the program is, now and in older versions. */
const PROGRAMS = ["lab/bench/main.ts", "bench/main.ts"];

function programOf(checkout: string): string {
  const program = PROGRAMS.find((file) => existsSync(join(checkout, file)));
  if (program === undefined) throw new FileError(`${checkout}: has no ${PROGRAMS.join(" or ")}`);
  return program;
}

/** The results of one round. Peers in other languages are left out, since this Python does not exist. */
async function oneTurn(
  checkout: string,
  program: string,
  { names, quick, folder }: AgainstOptions,
): Promise<BenchResults> {
  const json = join(folder, "turn.json");
  const settings = ["--only", names.join(","), "--rounds", "1", "--python", join(folder, "none"), "--json", json];
  const results = ["--results", join(folder, "results.json"), ...(quick ? ["--quick"] : [])];
  const options = ["--import", "tsx", program, ...settings, ...results];
  await promisify(execFile)(process.execPath, options, { cwd: checkout, maxBuffer: 2 ** 26 });
  return readResults(json);
}

/** Every row by its own title. */
function rowsOf(results: BenchResults): Readonly<Record<string, { contest: ContestResult; row: RowResult }>> {
  const entries = Object.values(results).flatMap(({ contests }) =>
    contests.flatMap((contest) =>
      contest.rows.map((row) => [`${contest.title}, ${row.name}`, { contest, row }] as const),
    ),
  );
  return Object.fromEntries(entries);
}
