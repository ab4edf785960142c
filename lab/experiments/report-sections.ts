import {
  distancePlot,
  factsPlot,
  factsTable,
  passkeyTable,
  recallTable,
  rowsOf,
} from "../compare/experiment-tables.ts";
import { toMarkdown } from "../compare/tables.ts";
import { formatBytes, formatCount } from "../../src/cli/terminal/output.ts";
import { sharesChart } from "./plots.ts";
import type { Result } from "./results.ts";

/** A part of the report: blocks of Markdown, and the plots in them. */
export interface Section {
  readonly title: string;
  readonly lines: readonly string[];
  /** File name and SVG. */
  readonly plots?: readonly (readonly [string, string])[];
}

/** Headings of the measurements, in order. */
export const TITLES = {
  passkey: "Pass keys",
  facts: "Many facts at once",
  recall: "RULER",
  memory: "Memory and speed",
} as const;

/** Table 3 of the paper, a table for each haystack. */
export function passkeySection(results: readonly Result[]): Section | undefined {
  const haystacks = { garbage: "In the paper's garbage", "moby-dick": "In _Moby Dick_" };
  const lines = Object.entries(haystacks).flatMap(([haystack, title]) => {
    const found = passkeyTable(results, haystack);
    return found ? [`### ${title}`, toMarkdown(found)] : [];
  });
  if (lines.length === 0) return undefined;
  const legend =
    "Share of the key's digits in their place ± standard error, and in brackets the share of whole keys ± standard error; " +
    "chance is .10 and .00. Columns: tokens of the prompt. Rows: where the key lies.";
  return { title: TITLES.passkey, lines: [legend, ...lines] };
}

/** Recall of many pairs: over their number, and over distance. */
export async function factsSection(results: readonly Result[]): Promise<Section | undefined> {
  const named = factsTable(results);
  const plots = [
    { file: "facts-number.svg", plot: factsPlot(results) },
    { file: "facts-distance.svg", plot: distancePlot(results) },
  ].flatMap(({ file, plot }) => (plot ? [{ file, plot }] : []));
  if (!named && plots.length === 0) return undefined;
  return {
    title: TITLES.facts,
    lines: [
      "Multi-query associative recall: a number of pairs are told, then each is asked for. Share of right answers ± standard error, and in brackets the share of sequences without a mistake.",
      ...(named ? [toMarkdown(named)] : []),
      ...plots.map(({ file, plot }) => `![${plot.title}](plots/${file})`),
    ],
    plots: await Promise.all(plots.map(async ({ file, plot }) => [file, await sharesChart(plot)] as const)),
  };
}

/** The tasks of RULER over lengths, and their mean. */
export function recallSection(results: readonly Result[]): Section | undefined {
  const found = recallTable(results);
  if (!found) return undefined;
  const [mean = [], ...tasks] = found.rows.toReversed();
  return {
    title: TITLES.recall,
    lines: [
      "Mean score ± standard error of the synthetic tasks of RULER. Columns: tokens of the prompt.",
      toMarkdown({ head: found.head, rows: [...tasks.toReversed(), ["**mean**", ...mean.slice(1)]] }),
    ],
  };
}

/** Resident memory and speed at two lengths or more. */
export function memorySection(results: readonly Result[]): Section | undefined {
  const result = results.find((candidate) => rowsOf(candidate, "constant-memory").length > 0);
  if (!result) return undefined;
  const rows = rowsOf(result, "constant-memory").toSorted((a, b) => a.tokens - b.tokens);
  const cells = rows.map(({ tokens, residentBytes, tokensPerSecond, keyValueCacheBytes }) => [
    formatCount(tokens),
    formatBytes(residentBytes),
    formatCount(tokensPerSecond),
    formatBytes(result.stateBytes),
    formatBytes(keyValueCacheBytes),
  ]);
  const [first, last] = [rows[0], rows.at(-1)];
  const ratio = (last?.residentBytes ?? NaN) / (first?.residentBytes ?? NaN);
  return {
    title: TITLES.memory,
    lines: [
      `Each reading is a separate process; values are medians of ${first?.repeats ?? 0}.`,
      table(["tokens read", "most resident memory", "tokens/s", "state", "key/value cache would take"], cells),
      `Resident memory at ${formatCount(last?.tokens ?? 0)} tokens is ${ratio.toFixed(2)} times that at ${formatCount(first?.tokens ?? 0)}.`,
    ],
  };
}

/** What was trained, for how long and on what. */
export function runsSection(results: readonly Result[]): Section | undefined {
  if (results.length === 0) return undefined;
  const cells = results.map(({ name, parameters, stateBytes, trained, seed, configHash, hardware, versions }) => [
    `\`${name}\``,
    formatCount(parameters),
    formatBytes(stateBytes),
    trained ? formatCount(trained.tokens) : "as shipped",
    trained ? trained.minutes.toFixed(1) : "",
    seed,
    `\`${configHash.slice(0, 8)}\``,
    `${hardware.cpu}, ${hardware.cores} cores`,
    Object.entries(versions)
      .map(([what, version]) => `${what} ${version}`)
      .join(", "),
  ]);
  const head = [
    "experiment",
    "parameters",
    "state",
    "tokens trained",
    "minutes",
    "seed",
    "config",
    "hardware",
    "versions",
  ];
  return { title: "Runs", lines: [table(head, cells)] };
}

// --- internal ---

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  return toMarkdown({ head, rows: rows.map((cells) => cells.map(String)) });
}
