import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, Option } from "commander";
import { matchedSystem } from "../compare/match-parameters.ts";
import { goThrough, runsOf } from "../compare/plan.ts";
import { smokeOf, SUITES, type Suite } from "../compare/suites.ts";
import { summarize } from "../compare/summarize.ts";
import { SYSTEMS, type System } from "../compare/systems.ts";
import { costTable, positionTable, tableTwo, type TextTable } from "../compare/tables.ts";
import type { Comparison } from "../compare/results.ts";
import { createNodeEngine, type NodeDevice } from "../../src/engine/ort/ort-node.ts";
import { forwardFlops } from "../../src/model/cost.ts";
import { suggestion } from "../../src/base/parse-config.ts";
import { toJson, writeAtomically } from "../../src/platform/node/files.ts";
import { renderComparison } from "../compare/html-report.ts";
import { findRun, type SuiteRuns } from "../compare/perform-run.ts";
import { runAll } from "../compare/run-all.ts";
import { makeSmokeTexts, readSuiteTexts } from "../compare/texts.ts";
import { UsageError } from "../../src/cli/terminal/errors.ts";
import { InterruptedError, stopOnInterrupt } from "../../src/cli/terminal/interrupt.ts";
import { deviceOption, jsonOption, parseLengths, wholeNumber } from "../../src/cli/terminal/options.ts";
import { formatCount, formatMinutes, print, renderTable, writeJson } from "../../src/cli/terminal/output.ts";

interface CompareFlags {
  readonly data?: string;
  readonly out?: string;
  readonly runs?: string;
  readonly only?: string[];
  readonly seeds?: number;
  readonly tokens?: number[];
  readonly smoke: boolean;
  readonly list: boolean;
  readonly reportOnly: boolean;
  readonly device: NodeDevice;
  readonly json?: string;
}

export function compareCommand(): Command {
  const names = SUITES.map(({ name }) => name).join(", ");
  return new Command("compare")
    .description(
      "Train many kinds of memory on the same text and at the same size, and measure each on unseen documents. Continues where it was stopped.",
    )
    .argument("<suite>", `the suite to compare on: ${names}`)
    .option(
      "--data <folder>",
      "folders train, validation and test of text, as `npm run lab -- data` makes them (default: data/SUITE)",
    )
    .option(
      "--out <folder>",
      "where compare-SUITE.json and .html go (default: results; a temporary folder with --smoke)",
    )
    .option(
      "--runs <folder>",
      "where models are trained (default: runs/compare/SUITE; a temporary folder with --smoke)",
    )
    .addOption(
      new Option(
        "--only <names>",
        "systems to run, separated by commas, so that processes can share the work (default: all)",
      ).argParser((text: string) => text.split(",")),
    )
    .addOption(
      new Option("--seeds <count>", "seeds of each main system (default: from the suite)").argParser(wholeNumber(1)),
    )
    .addOption(
      new Option("--tokens <count>", "tokens of one training, such as 512k (default: from the suite)").argParser(
        parseLengths,
      ),
    )
    .option("--smoke", "tiny models on made-up text, only to check that everything runs", false)
    .option("--list", "list the systems, their parameters and about how long they take", false)
    .option("--report-only", "write the results of the existing runs", false)
    .addOption(deviceOption())
    .addOption(jsonOption())
    .addHelpText("after", `\nSystems: ${SYSTEMS.map(({ name }) => name).join(", ")}.`)
    .action(runCompare);
}

// --- internal ---

async function runCompare(name: string, flags: CompareFlags): Promise<void> {
  const suite = withFlags(suiteOf(name), flags);
  const systems = flags.only ? chosen(flags.only) : SYSTEMS;
  if (flags.list) return list(suite, systems, flags);
  const { out, data, ...folders } = { ...(await defaultFolders(suite, flags.smoke)), ...flags };
  const texts = flags.smoke ? makeSmokeTexts(suite) : await readSuiteTexts(suite, data);
  const place = { suite, texts, runs: folders.runs };
  const interrupted = flags.reportOnly ? false : await runOrStop(systems, place, flags.device);
  await report(await collect(place), out, flags.json);
  if (interrupted) process.exitCode = 130;
}

function suiteOf(name: string): Suite {
  const known = SUITES.map((suite) => suite.name);
  const suite = SUITES.find((candidate) => candidate.name === name);
  if (!suite) throw new UsageError(`"${name}" is not a suite${suggestion(name, known)}; there are ${known.join(", ")}`);
  return suite;
}

function withFlags(suite: Suite, { smoke, tokens, seeds }: CompareFlags): Suite {
  const sized = smoke ? smokeOf(suite) : suite;
  const [count, ...more] = tokens ?? [];
  if (more.length > 0) throw new UsageError("--tokens: expected one number");
  const least = sized.batch * sized.length;
  if (count !== undefined && count * sized.searchShare < 2 * least)
    throw new UsageError(
      `--tokens: a learning rate is tried on a share of ${sized.searchShare}, which must be ${2 * least} or more`,
    );
  return {
    ...sized,
    ...(count !== undefined && { tokens: count }),
    ...(seeds !== undefined && { seeds: Array.from({ length: seeds }, (_, seed) => seed) }),
  };
}

function chosen(names: readonly string[]): System[] {
  const known = SYSTEMS.map(({ name }) => name);
  const wrong = names.find((name) => !known.includes(name));
  if (wrong !== undefined)
    throw new UsageError(
      `--only: "${wrong}" is not a system${suggestion(wrong, known)}; there are ${known.join(", ")}`,
    );
  return SYSTEMS.filter(({ name }) => names.includes(name));
}

async function defaultFolders({ name }: Suite, smoke: boolean): Promise<{ data: string; out: string; runs: string }> {
  if (!smoke) return { data: join("data", name), out: "results", runs: join("runs", "compare", name) };
  const folder = await mkdtemp(join(tmpdir(), "compare-"));
  return { data: "", out: join(folder, "results"), runs: join(folder, "runs") };
}

/** Whether it was stopped. */
async function runOrStop(systems: readonly System[], place: SuiteRuns, device: NodeDevice): Promise<boolean> {
  const stop = stopOnInterrupt("Saving and stopping");
  try {
    await runAll(systems, { ...place, engine: await createNodeEngine({ device }), signal: stop.signal });
    return false;
  } catch (error) {
    if (!(error instanceof InterruptedError)) throw error;
    print(`${error.message}; the same command continues from there`);
    return true;
  } finally {
    stop.release();
  }
}

/** All results of a suite, whichever process made them. */
async function collect(place: SuiteRuns): Promise<Comparison> {
  const found = [];
  for (const system of SYSTEMS) found.push(await goThrough(place.suite, system, (run) => findRun(run, place)));
  return summarize(place.suite, place.texts.about, found);
}

/** Writes the results; if there are none, an existing file stays. */
async function report(comparison: Comparison, out: string, json: string | undefined): Promise<void> {
  const { systems, missing } = comparison;
  const file = join(out, `compare-${comparison.suite}`);
  if (systems.length > 0) {
    await writeAtomically(`${file}.json`, toJson(comparison));
    await writeAtomically(`${file}.html`, await renderComparison(comparison));
    for (const table of [tableTwo, positionTable, costTable]) print(renderText(table(comparison)), json);
    if (missing.length > 0) print(`Not complete: ${missing.join(", ")}.`, json);
  }
  print(
    systems.length > 0 ? `Results: ${file}.json and .html` : "Nothing has been measured yet, so nothing was written.",
    json,
  );
  await writeJson(comparison, json);
}

function renderText({ head, rows }: TextTable): string {
  return renderTable(head, rows);
}

/** The speed that two cores reach in such small models. */
const FLOPS_PER_SECOND = 60e9;

async function list(suite: Suite, systems: readonly System[], { json }: CompareFlags): Promise<void> {
  const rows = systems.map((system) => {
    const { config, parameters, deviation } = matchedSystem(system, suite.model);
    const runs = runsOf(suite, system);
    const tokens = runs.reduce((sum, run) => sum + run.tokens, 0);
    const minutes = (tokens * 3 * forwardFlops(config)) / FLOPS_PER_SECOND / 60;
    return {
      name: system.name,
      label: system.label,
      parameters,
      deviation,
      runs: runs.length,
      minutes,
    };
  });
  const cells = rows.map(({ name, label, parameters, runs, minutes }) => [
    name,
    label,
    formatCount(parameters),
    runs,
    formatMinutes(minutes),
  ]);
  print(renderTable(["system", "", "parameters", "runs", "about"], cells), json);
  await writeJson(rows, json);
}
