import type { EChartsOption } from "echarts";
import { gateChart, lineChart } from "./charts.ts";
import { lengthPlot, lossPlot, memoryPlot, positionPlot } from "./plots.ts";
import type { Comparison } from "./results.ts";
import { costTable, lengthTable, positionTable, tableTwo, type TextTable } from "./tables.ts";
import { renderSvg } from "../../src/cli/terminal/chart.ts";
import { escapeHtml, htmlPage, htmlTable } from "../../src/cli/terminal/html.ts";
import { formatBytes, formatCount } from "../../src/cli/terminal/output.ts";

/** A comparison as a self-contained HTML page. */
export async function renderComparison(comparison: Comparison): Promise<string> {
  const lengths = lengthTable(comparison);
  const gates = comparison.systems.map(gateChart).filter((chart) => chart !== undefined);
  const parts = [
    paragraph(settingsOf(comparison)),
    ...section("Table 2", [table(tableTwo(comparison))]),
    paragraph(LEGEND),
    ...section("By position in the document", [
      await figure(lineChart(positionPlot(comparison))),
      table(positionTable(comparison)),
    ]),
    ...(lengths
      ? section("Longer training sequences", [await figure(lineChart(lengthPlot(comparison))), table(lengths)])
      : []),
    ...section("What it takes", [table(costTable(comparison)), await figure(lineChart(memoryPlot(comparison)))]),
    ...section("Training", [await figure(lineChart(lossPlot(comparison)))]),
    ...(gates.length > 0 ? section("Gates", await figures(gates, 560, 300)) : []),
    ...notes(comparison),
  ];
  return htmlPage(`Kinds of memory compared: ${comparison.title.toLowerCase()}`, parts.join("\n"));
}

// --- internal ---

const LEGEND =
  "Perplexity is per byte. Values after ± are standard errors over seeds. Memory: numbers kept between segments, by table 1 of " +
  "the paper for the models in it, otherwise as counted; in brackets, how many times smaller than the largest.";

function settingsOf({ texts, tokens, length, learningRates, searchShare }: Comparison): string {
  return (
    `Each model was trained on ${formatCount(tokens)} tokens (bytes) in sequences of ${formatCount(length)}, out of ` +
    `${texts.train.documents} documents (${formatBytes(texts.train.bytes)}). Each of the learning rates ${learningRates.join(", ")} was tried with ` +
    `${(100 * searchShare).toFixed(0)} % of the tokens, and the best on validation text (${formatBytes(texts.validation.bytes)}) was taken. ` +
    `${texts.test.documents} test documents (${formatBytes(texts.test.bytes)}) were read from their start with an empty memory.`
  );
}

function notes({ missing, diverged, machines }: Comparison): string[] {
  const lines = [
    ...(missing.length > 0 ? [`Not complete: ${missing.join(", ")}.`] : []),
    ...diverged.map((run) => `Diverged: ${run}.`),
    ...machines.map(({ hardware, versions }) => {
      const packages = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
      return `Measured on ${hardware.cpu}, ${hardware.cores} cores, ${formatBytes(hardware.memoryBytes)}; ${packages.join(", ")}.`;
    }),
  ];
  return lines.length > 0 ? section("Notes", lines.map(paragraph)) : [];
}

function section(title: string, parts: readonly string[]): string[] {
  return [`<h2>${escapeHtml(title)}</h2>`, ...parts];
}

function paragraph(text: string): string {
  return `<p>${escapeHtml(text)}</p>`;
}

function table({ head, rows }: TextTable): string {
  return htmlTable(head, rows);
}

async function figure(option: EChartsOption, width?: number, height?: number): Promise<string> {
  return `<figure>${await renderSvg(option, width, height)}</figure>`;
}

/** One at a time, so that they have the same bytes every time. */
async function figures(options: readonly EChartsOption[], width: number, height: number): Promise<string[]> {
  const drawn: string[] = [];
  for (const option of options) drawn.push(await figure(option, width, height));
  return drawn;
}
