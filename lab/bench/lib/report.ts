import { formatBytes, formatCount } from "../../../src/cli/terminal/output.ts";
import type { BenchmarkResult, BenchResults, ContestResult, Quantity, RowResult } from "./results.ts";
import { disagreement, ratioTo, shareOfGemm, summarize, type Summary } from "./statistics.ts";

const COMMAND = "npm run bench";

/** `docs/performance.md`, from the results alone. */
export function renderPerformance(results: BenchResults): string {
  const sections = Object.entries(results).map(([name, result]) => renderBenchmark(name, result));
  return (
    [
      "# Performance",
      `Made by \`${COMMAND} -- --report\` from \`lab/bench/results.json\`, which \`${COMMAND}\` measures. Contestants take turns in rounds, A B A B; a figure is the median of its rounds with the lowest and the highest in brackets. "Ratio" is how many times better the first row is: the median of the ratios in each round. "GEMM" is the share of the speed of a 1,024-cubed matrix product on this engine, measured before each round, that the matrix products of the work reach. "Differs by" is the largest difference of what was computed (losses, logits, or the results of a layer) from the first row.`,
      ...sections,
    ].join("\n\n") + "\n"
  );
}

/** One contest as a Markdown table. */
export function renderContest(contest: ContestResult): string {
  const columns = columnsOf(contest);
  const head = ["", ...columns.map(({ head: title }) => title)];
  const rows = contest.rows.map((row) => [row.name, ...columns.map(({ cell }) => cell(row))]);
  const lines = [head, head.map((_, i) => (i === 0 ? "---" : "---:")), ...rows];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

// --- internal ---

interface Column {
  readonly head: string;
  cell(row: RowResult): string;
}

const NOTHING = "–";

function renderBenchmark(name: string, { about, contests, ...run }: BenchmarkResult): string {
  const { hardware, versions } = run.machine;
  const used = Object.entries(versions).map(([what, version]) => `${what} ${version}`);
  const machine = `${hardware.cpu}, ${hardware.cores} cores, ${formatBytes(hardware.memoryBytes)}; ${used.join(", ")}`;
  const warning = run.quick ? ["**A quick run on tiny models: these figures mean nothing.**"] : [];
  const tables = contests.flatMap((contest) => [`### ${contest.title}`, renderContest(contest), gemmLine(contest)]);
  return [
    `## ${name[0]?.toUpperCase()}${name.slice(1)}`,
    ...warning,
    about,
    `${run.date}, commit ${run.commit}, ${run.rounds} rounds. ${machine}.`,
    ...tables,
  ].join("\n\n");
}

function gemmLine({ gemmRates }: ContestResult): string {
  return `GEMM rate: ${withSpread(gemmRates, (rate) => (rate / 1e9).toFixed(0))} GFLOP/s.`;
}

function columnsOf(contest: ContestResult): Column[] {
  const { quantities, rows } = contest;
  const measured = Object.entries(quantities).flatMap(([name, quantity]): Column[] => [
    {
      head: `${quantity.label}, ${unitOf(quantity)}`,
      cell: ({ readings }) => withSpread(readings[name], formatOf(quantity)),
    },
    { head: "ratio", cell: (row) => ratioTo(contest, row, name)?.toFixed(2) ?? NOTHING },
  ]);
  const share: Column = {
    head: "GEMM",
    cell: (row) => percent(shareOfGemm(contest, row)),
  };
  const agreement: Column = {
    head: "differs by",
    cell: (row) => (row === rows[0] ? undefined : disagreement(contest, row))?.toExponential(0) ?? NOTHING,
  };
  const compared = rows.slice(1).some((row) => disagreement(contest, row) !== undefined);
  return [...measured, ...(contest.flopsPerToken === undefined ? [] : [share]), ...(compared ? [agreement] : [])];
}

function percent(share: number | undefined): string {
  return share === undefined ? NOTHING : `${(100 * share).toFixed(0)} %`;
}

function withSpread(values: readonly number[] | undefined, format: (value: number) => string): string {
  if (!values || values.length === 0) return NOTHING;
  const { median, lowest, highest }: Summary = summarize(values);
  return values.length > 1 ? `${format(median)} (${format(lowest)} – ${format(highest)})` : format(median);
}

function unitOf({ unit }: Quantity): string {
  return { "tokens/s": "tokens/s", s: "ms", B: "MB" }[unit];
}

function formatOf({ unit }: Quantity): (value: number) => string {
  if (unit === "tokens/s") return formatCount;
  const scaled = unit === "s" ? 1e3 : 1e-6;
  return (value) => significant(value * scaled);
}

/** Three figures, without an exponent. */
function significant(value: number): string {
  return value >= 100 ? formatCount(value) : value.toLocaleString("en-US", { maximumSignificantDigits: 3 });
}
