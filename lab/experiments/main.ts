/** Trains and evaluates every experiment that has no result yet, then writes docs/results.md. See README.md. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, Option } from "commander";
import { UsageError } from "../../src/cli/terminal/errors.ts";
import { InterruptedError, stopOnInterrupt } from "../../src/cli/terminal/interrupt.ts";
import { createProgress, formatMinutes, print, type Progress } from "../../src/cli/terminal/output.ts";
import { createNodeEngine } from "../../src/engine/ort/ort-node.ts";
import { suggestion } from "../../src/base/parse-config.ts";
import { reason } from "../../src/platform/node/files.ts";
import { experimentsOf, type Experiment } from "./experiments.ts";
import { writeReport } from "./report.ts";
import { runExperiment, type RunOptions } from "./run.ts";
import { inRepository } from "./texts.ts";

interface Flags {
  readonly smoke: boolean;
  readonly reportOnly: boolean;
  readonly only?: string[];
  readonly list: boolean;
  readonly retrain: boolean;
  readonly out?: string;
  readonly runs?: string;
  readonly docs?: string;
}

interface Folders {
  readonly out: string;
  readonly runs: string;
  readonly docs: string;
}

const DEFAULTS: Folders = { out: "results", runs: "runs/reproduce", docs: "docs" };

const flags = new Command("reproduce")
  .description(
    "Train and evaluate every experiment that has no result yet, then write the report. Continues where it was stopped.",
  )
  .option("--smoke", "tiny models and lengths, only to check that everything runs", false)
  .option("--report-only", "write the report from the existing results", false)
  .addOption(
    new Option("--only <names>", "experiments to run, separated by commas (default: all)").argParser((names: string) =>
      names.split(","),
    ),
  )
  .option("--list", "list the experiments and how long they take", false)
  .option("--retrain", "also retrain models that are shipped", false)
  .option("--out <folder>", `where the results go (default: ${DEFAULTS.out}; a temporary folder with --smoke)`)
  .option("--runs <folder>", `where models are trained (default: ${DEFAULTS.runs}; a temporary folder with --smoke)`)
  .option(
    "--docs <folder>",
    `where results.md and plots/ go (default: ${DEFAULTS.docs}; a temporary folder with --smoke)`,
  )
  .addHelpText("after", () => `\nExperiments, with minutes on two cores:\n${listOf(experimentsOf("full"))}`)
  .parse()
  .opts<Flags>();

/** Errors whose message says everything; others are shown with their stack. */
const EXPECTED = ["UsageError", "FileError", "ConfigError"];

try {
  await main(flags);
} catch (error) {
  const known = error instanceof Error && EXPECTED.includes(error.name);
  process.stderr.write(`error: ${known ? error.message : ((error as Error).stack ?? String(error))}\n`);
  process.exitCode = 1;
}

async function main({ smoke, reportOnly, only, list, retrain, ...given }: Flags): Promise<void> {
  const all = experimentsOf(smoke ? "smoke" : "full");
  const chosen = only ? all.filter(({ name }) => checkNames(only, all).includes(name)) : all;
  if (list) return print(listOf(chosen));
  const folders = { ...(smoke ? await temporaryFolders() : DEFAULTS), ...given };
  const failed = reportOnly ? [] : await runAll(chosen, { ...folders, retrain });
  const report = await writeReport({ ...folders, reading: inRepository("lab/experiments/reading.md"), expected: all });
  print(`Report: ${report.file}${report.missing.length > 0 ? `, without ${report.missing.join(", ")}` : ""}`);
  if (failed.length > 0) {
    process.stderr.write(`error: failed: ${failed.join(", ")}\n`);
    process.exitCode = 1;
  }
}

/** The names of the experiments that failed. Ends the process when it is interrupted. */
async function runAll(experiments: readonly Experiment[], options: Folders & { retrain: boolean }): Promise<string[]> {
  const engine = await createNodeEngine();
  const stop = stopOnInterrupt("Saving and stopping");
  const failed: string[] = [];
  for (const [i, experiment] of experiments.entries()) {
    const left = experiments.slice(i).reduce((sum, { minutes }) => sum + minutes, 0);
    const label = `[${i + 1}/${experiments.length}] ${experiment.name}`;
    print(
      `${label}: about ${formatMinutes(experiment.minutes)} if it is new, ${formatMinutes(left)} for everything left`,
    );
    const bar = createBar(label);
    const started = performance.now();
    try {
      const run: RunOptions = { ...options, engine, signal: stop.signal, onProgress: bar.onProgress };
      const ran = await runExperiment(experiment, run).finally(() => bar.stop());
      print(`${label}: ${ran ? `done in ${formatMinutes((performance.now() - started) / 60_000)}` : "exists already"}`);
    } catch (error) {
      if (error instanceof InterruptedError) {
        print(`${label}: ${error.message}; the same command continues from there`);
        process.exit(130);
      }
      process.stderr.write(`${label}: failed: ${(error as Error).stack ?? reason(error)}\n`);
      failed.push(experiment.name);
    }
  }
  stop.release();
  return failed;
}

/** A progress bar for each task in turn. */
function createBar(label: string): Pick<RunOptions, "onProgress"> & { stop(): void } {
  let current: { readonly what: string; readonly bar: Progress } | undefined;
  return {
    onProgress(what, share, note) {
      if (current?.what !== what || share === 0) {
        current?.bar.stop();
        current = { what, bar: createProgress(`${label}: ${what}`, 1000, "thousandths") };
      }
      current.bar.update(Math.round(1000 * share), note);
    },
    stop: () => current?.bar.stop(),
  };
}

function checkNames(names: readonly string[], experiments: readonly Experiment[]): readonly string[] {
  const known = experiments.map(({ name }) => name);
  const wrong = names.find((name) => !known.includes(name));
  if (wrong !== undefined)
    throw new UsageError(
      `--only: "${wrong}" is not an experiment${suggestion(wrong, known)}; there are ${known.join(", ")}`,
    );
  return names;
}

async function temporaryFolders(): Promise<Folders> {
  const folder = await mkdtemp(join(tmpdir(), "reproduce-"));
  return { out: join(folder, "results"), runs: join(folder, "runs"), docs: join(folder, "docs") };
}

function listOf(experiments: readonly Experiment[]): string {
  const width = Math.max(...experiments.map(({ name }) => name.length));
  return experiments
    .map(({ name, about, minutes }) => `  ${name.padEnd(width)}  ${formatMinutes(minutes).padStart(7)}  ${about}`)
    .join("\n");
}
