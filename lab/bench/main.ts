/** Measures, writes the report, and keeps the budget of what is computed. See README.md. */
import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { thisMachine } from "../../src/cli/terminal/machine.ts";
import { wholeNumber } from "../../src/cli/terminal/options.ts";
import { print, writeJson } from "../../src/cli/terminal/output.ts";
import { createNodeEngine } from "../../src/engine/ort/ort-node.ts";
import { suggestion } from "../../src/base/parse-config.ts";
import { FileError, toJson, writeAtomically } from "../../src/platform/node/files.ts";
import { browser } from "./benchmarks/browser.ts";
import { decode } from "./benchmarks/decode.ts";
import { layer } from "./benchmarks/layer.ts";
import { long } from "./benchmarks/long.ts";
import { prefill } from "./benchmarks/prefill.ts";
import { rematerialized } from "./benchmarks/rematerialized.ts";
import { scoring } from "./benchmarks/scoring.ts";
import { startup } from "./benchmarks/startup.ts";
import { training } from "./benchmarks/training.ts";
import { COMPARED, runAgainst } from "./lib/against.ts";
import { updateBudget } from "./lib/budget.ts";
import { holdContest, type Benchmark, type Setup } from "./lib/measure.ts";
import { renderContest, renderPerformance } from "./lib/report.ts";
import { readResults, type BenchmarkResult, type BenchResults, type ContestResult } from "./lib/results.ts";
import { REPOSITORY } from "./lib/shipped-model.ts";
import { checkAgreement } from "./lib/statistics.ts";

const BENCHMARKS: readonly Benchmark[] = [
  training,
  prefill,
  scoring,
  decode,
  layer,
  startup,
  long,
  rematerialized,
  browser,
];
const NAMES = BENCHMARKS.map(({ name }) => name);
const RESULTS = join(REPOSITORY, "lab", "bench", "results.json");
const PERFORMANCE = join(REPOSITORY, "docs", "performance.md");

interface Flags {
  readonly only?: string[];
  readonly rounds: number;
  readonly quick: boolean;
  readonly python: string;
  readonly json?: string;
  readonly against?: string;
  readonly report: boolean;
  readonly results?: string;
  readonly docs?: string;
  readonly updateBudget: boolean;
}

const flags = new Command("bench")
  .description("Measure speed and memory, taking turns with what they are compared with. Build first: npm run build.")
  .addOption(
    new Option("--only <names>", `what to measure, separated by commas: ${NAMES.join(", ")} (default: all)`).argParser(
      checkNames,
    ),
  )
  .addOption(new Option("--rounds <count>", "turns of each contestant").argParser(wholeNumber(1)).default(5))
  .option("--against <checkout>", `take turns with another checkout; by default ${COMPARED.join(", ")}`)
  .option(
    "--quick",
    "tiny models and lengths, only to check that everything runs; writes no file unless told to",
    false,
  )
  .option("--python <path>", "a Python with torch and numpy, for the PyTorch peers", "python3")
  .option("--json <file>", "write this run to a file too, or to standard output with -")
  .option("--results <file>", "where the results of all runs are kept (default: lab/bench/results.json)")
  .option("--report", "measure nothing: write the report from the existing results", false)
  .option("--docs <file>", "the report (default: docs/performance.md)")
  .option(
    "--update-budget",
    "measure nothing: take the current figures of the graphs as the budget, lab/bench/budget.json",
    false,
  )
  .parse()
  .opts<Flags>();

/** Errors whose message says everything; others are shown with their stack. */
const EXPECTED = ["FileError", "ConfigError"];

try {
  await main(flags);
} catch (error) {
  const known = error instanceof Error && EXPECTED.includes(error.name);
  process.stderr.write(`error: ${known ? error.message : ((error as Error).stack ?? String(error))}\n`);
  process.exitCode = 1;
}

async function main(given: Flags): Promise<void> {
  if (given.updateBudget) return (await updateBudget()).forEach((line) => print(line));
  if (given.report) return writeReport(given);
  const folder = await mkdtemp(join(tmpdir(), "infini-bench-"));
  try {
    if (given.against !== undefined) return await measureAgainst(given.against, given, folder);
    const results: BenchResults = {};
    for (const benchmark of BENCHMARKS.filter(({ name }) => given.only?.includes(name) ?? true)) {
      results[benchmark.name] = await measure(benchmark, given, folder);
      if (!given.quick) await keep(benchmark.name, results, given.results);
    }
    await writeJson(results, given.json);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function measureAgainst(checkout: string, given: Flags, folder: string): Promise<void> {
  const { only: names = COMPARED, rounds, quick, json } = given;
  const contests = await runAgainst(resolve(checkout), { names, rounds, quick, folder });
  for (const contest of contests) {
    print(`\n${contest.title}\n${renderContest(contest)}`, json);
    for (const warning of checkAgreement(contest)) process.stderr.write(`warning: ${warning}\n`);
  }
  await writeJson(contests, json);
}

async function measure({ name, about, contests }: Benchmark, given: Flags, folder: string): Promise<BenchmarkResult> {
  const { quick, rounds, python, json } = given;
  const engine = await createNodeEngine();
  const setup: Setup = { quick, python, engine, folder };
  const held: ContestResult[] = [];
  for (const contest of contests(setup)) {
    print(`\n${name}: ${contest.title}`, json);
    const result = await holdContest(contest, engine, rounds);
    print(renderContest(result), json);
    for (const warning of checkAgreement(result)) process.stderr.write(`warning: ${warning}\n`);
    held.push(result);
  }
  const date = new Date().toISOString().slice(0, 10);
  return { about, date, commit: currentCommit(), quick, rounds, machine: thisMachine(), contests: held };
}

/** Replaces the previous results of a benchmark; those of others stay. */
async function keep(name: string, results: BenchResults, file = RESULTS): Promise<void> {
  const former = await readResults(file).catch((error: unknown): BenchResults => {
    if (error instanceof FileError) return {};
    throw error;
  });
  const all: BenchResults = { ...former, ...(results[name] && { [name]: results[name] }) };
  const inOrder = NAMES.flatMap((known) => (all[known] ? [[known, all[known]] as const] : []));
  await writeAtomically(file, toJson(Object.fromEntries(inOrder)));
}

async function writeReport({ results = RESULTS, docs = PERFORMANCE }: Flags): Promise<void> {
  await writeAtomically(docs, renderPerformance(await readResults(results)));
  print(`Report: ${relative(process.cwd(), docs)}`);
}

function checkNames(text: string): string[] {
  const names = text.split(",");
  const wrong = names.find((name) => !NAMES.includes(name));
  if (wrong !== undefined)
    throw new InvalidArgumentError(
      `There is no benchmark "${wrong}"${suggestion(wrong, NAMES)}; there are ${NAMES.join(", ")}.`,
    );
  return names;
}

function currentCommit(): string {
  try {
    return execFileSync("git", ["describe", "--always", "--dirty"], {
      cwd: REPOSITORY,
      encoding: "utf8",
      stdio: "pipe",
    }).trim();
  } catch {
    return "unknown";
  }
}
