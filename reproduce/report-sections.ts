import { toMarkdown } from "../src/compare/tables.ts";
import { formatBytes, formatCount } from "../src/cli/output.ts";
import { linePlot, type Line } from "./plots.ts";
import type { Measured, Result } from "./results.ts";

/** A part of the report: blocks of Markdown, and the plots that they show. */
export interface Section {
  readonly title: string;
  readonly lines: readonly string[];
  /** File name and SVG. */
  readonly plots?: readonly (readonly [string, string])[];
}

type RowOf<Kind extends Measured["kind"]> = Extract<Measured, { kind: Kind }>["rows"][number];
type PasskeyRow = RowOf<"passkey">;
type MqarRow = RowOf<"mqar">;
type RecallRow = RowOf<"recall">;

/** Headings of what is measured, in their order. */
export const TITLES = {
  passkey: "Pass keys",
  facts: "Many facts at once",
  recall: "RULER",
  memory: "Memory and speed",
} as const;

const RULES: Readonly<Record<string, string>> = {
  "passkey-linear": "paper, linear",
  "passkey-delta": "paper, linear + delta",
  "passkey-ours": "ours",
};
const DEPTHS: ReadonlyMap<number, string> = new Map([
  [0, "start"],
  [0.5, "middle"],
  [1, "end"],
]);
/** Table 3 of the paper, a table for each haystack. */
export function passkeySection(results: readonly Result[]): Section | undefined {
  const haystacks = { garbage: "In the paper's garbage", "moby-dick": "In _Moby Dick_" };
  const lines = Object.entries(haystacks).flatMap(([haystack, title]) => {
    const rows = results.flatMap(({ name, evaluations }) =>
      evaluations.flatMap((found) =>
        found.kind === "passkey" && found.settings.haystack === haystack ? [{ name, rows: found.rows }] : [],
      ),
    );
    return rows.length > 0 ? [`### ${title}`, passkeyTable(rows)] : [];
  });
  if (lines.length === 0) return undefined;
  const legend =
    "Share of the key's digits in their place ± standard error, and in brackets the share of whole keys ± standard error; " +
    "chance is .10 and .00. Columns: tokens of the prompt. Rows: where the key lies.";
  return { title: TITLES.passkey, lines: [legend, ...lines] };
}

/** Recall of many pairs: over their number, and over distance. */
export async function factsSection(results: readonly Result[]): Promise<Section | undefined> {
  const distances = (rows: readonly MqarRow[]): number[] => sortedValues(rows.map(({ distance }) => distance));
  const named = mqarModels(results, (rows) => distances(rows).at(-1) === 0);
  const near = mqarModels(results, (rows) => distances(rows).length === 1 && distances(rows)[0] !== 0);
  const far = mqarModels(results, (rows) => distances(rows).length > 1);
  if ([named, near, far].every((models) => models.length === 0)) return undefined;
  const segment = Math.min(...far.map(({ segmentLength }) => segmentLength));
  const facts = far[0]?.rows[0]?.pairs ?? 0;
  const drawn = [
    {
      file: "facts-number.svg",
      title: `Accuracy against the number of facts, ${near[0]?.rows[0]?.distance ?? 0} tokens before the questions`,
      axis: "facts",
      lines: near.map(({ label, rows }) => lineOf(label, rows, ({ pairs }) => pairs)),
    },
    {
      file: "facts-distance.svg",
      title: `Accuracy against distance, ${facts} facts`,
      axis: `segments of ${segment} tokens between facts and questions`,
      lines: far.map(({ label, rows }) => lineOf(label, rows, ({ distance }) => distance / segment)),
    },
  ].filter(({ lines }) => lines.length > 0);
  return {
    title: TITLES.facts,
    lines: [
      "Multi-query associative recall: so many pairs are told, then each is asked for. Share of right answers ± standard error, and in brackets the share of sequences without a mistake.",
      ...(named.length > 0 ? [factsTable(named)] : []),
      ...drawn.map(({ file, title }) => `![${title}](plots/${file})`),
    ],
    plots: await Promise.all(
      drawn.map(async ({ file, title, axis, lines }) => [file, await linePlot(title, axis, lines)] as const),
    ),
  };
}

/** The tasks of RULER over lengths, and their mean. */
export function recallSection(results: readonly Result[]): Section | undefined {
  const rows = results.flatMap((result) => rowsOf(result, "recall"));
  if (rows.length === 0) return undefined;
  const lengths = sortedValues(rows.map(({ length }) => length));
  const tasks = [...new Set(rows.map(({ task }) => task))];
  const cells = tasks.map((task) => [task, ...lengths.map((length) => recallCell(rows, task, length))]);
  const means = lengths.map((length) => {
    const scores = rows.filter((row) => row.length === length).map(({ score }) => score);
    return share(scores.reduce((sum, score) => sum + score, 0) / scores.length);
  });
  return {
    title: TITLES.recall,
    lines: [
      "Mean score ± standard error of the synthetic tasks of RULER. Columns: tokens of the prompt.",
      table(["task", ...lengths.map(formatCount)], [...cells, ["**mean**", ...means]]),
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
      `Each reading is a process of its own; medians of ${first?.repeats ?? 0}.`,
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

function rowsOf<Kind extends Measured["kind"]>({ evaluations }: Result, kind: Kind): readonly RowOf<Kind>[] {
  const rows = evaluations.filter((found) => found.kind === kind).flatMap((found): readonly unknown[] => found.rows);
  return rows as readonly RowOf<Kind>[];
}

function passkeyTable(models: readonly { readonly name: string; readonly rows: readonly PasskeyRow[] }[]): string {
  const all = models.flatMap(({ rows }) => rows);
  const lengths = sortedValues(all.map(({ length }) => length));
  const depths = sortedValues(all.map(({ depth }) => depth));
  const cells = models.flatMap(({ name, rows }) =>
    depths.map((depth) => [
      RULES[name] ?? name,
      DEPTHS.get(depth) ?? depth,
      ...lengths.map((length) => passkeyCell(rows.find((row) => row.length === length && row.depth === depth))),
    ]),
  );
  return table(["memory", "key", ...lengths.map(formatCount)], cells);
}

function passkeyCell(row: PasskeyRow | undefined): string {
  if (!row) return "";
  const { tokenAccuracy, standardError, exactMatch, exactStandardError } = row;
  return `${share(tokenAccuracy)} ± ${share(standardError)} (${share(exactMatch)} ± ${share(exactStandardError)})`;
}

interface MqarModel {
  readonly label: string;
  readonly segmentLength: number;
  readonly rows: readonly MqarRow[];
}

/** The models, each with its rows of those evaluations that are wanted. */
function mqarModels(results: readonly Result[], wanted: (rows: readonly MqarRow[]) => boolean): MqarModel[] {
  const models = results.map(({ name, config, evaluations }) => ({
    label: name.replace(/^facts-/, ""),
    segmentLength: config.model.segmentLength,
    rows: evaluations.flatMap((found) => (found.kind === "mqar" && wanted(found.rows) ? found.rows : [])),
  }));
  return models.filter(({ rows }) => rows.length > 0);
}

function lineOf(label: string, rows: readonly MqarRow[], place: (row: MqarRow) => number): Line {
  return { label, points: rows.map((row) => [place(row), row.accuracy]) };
}

function factsTable(models: readonly MqarModel[]): string {
  const columns = sortedValues(models.flatMap(({ rows }) => rows.map(({ pairs }) => pairs)));
  const cells = models.map(({ label, rows }) => [
    label,
    ...columns.map((pairs) => {
      const row = rows.find((candidate) => candidate.pairs === pairs);
      return row ? `${share(row.accuracy)} ± ${share(row.standardError)} (${share(row.exact)})` : "";
    }),
  ]);
  return table(["memory", ...columns.map((pairs) => `${pairs} facts`)], cells);
}

function recallCell(rows: readonly RecallRow[], task: string, length: number): string {
  const row = rows.find((candidate) => candidate.task === task && candidate.length === length);
  return row ? `${share(row.score)} ± ${share(row.standardError)}` : "";
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  return toMarkdown({ head, rows: rows.map((cells) => cells.map(String)) });
}

/** 0.953 -> ".95", 1 -> "1.00". */
function share(value: number): string {
  return value.toFixed(2).replace(/^0\./, ".");
}

function sortedValues(values: readonly number[]): number[] {
  return [...new Set(values)].toSorted((a, b) => a - b);
}
