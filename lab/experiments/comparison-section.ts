import { lineChart } from "../compare/charts.ts";
import { lengthPlot, memoryPlot, positionPlot } from "../compare/plots.ts";
import type { Comparison } from "../compare/results.ts";
import { costTable, lengthTable, positionTable, tableTwo, toMarkdown } from "../compare/tables.ts";
import { renderSvg } from "../../src/cli/terminal/chart.ts";
import { formatBytes, formatCount } from "../../src/cli/terminal/output.ts";
import type { Section } from "./report-sections.ts";

/** Table 2 of the paper, measured again on one suite; nothing if no system was measured. */
export async function comparisonSection(comparison: Comparison): Promise<Section | undefined> {
  const { suite, systems, title, missing } = comparison;
  if (systems.length === 0) return undefined;
  const lengths = lengthTable(comparison);
  const drawn = [
    { name: "position", alt: "Bits per byte by position in the document", plot: positionPlot(comparison) },
    ...(lengths
      ? [{ name: "length", alt: "Bits per byte by the length of training sequences", plot: lengthPlot(comparison) }]
      : []),
    { name: "memory", alt: "Memory of one stream over its length", plot: memoryPlot(comparison) },
  ].map((drawing) => ({ ...drawing, file: `compare-${suite}-${drawing.name}.svg` }));
  const plots: (readonly [string, string])[] = [];
  for (const { file, plot } of drawn) plots.push([file, await renderSvg(lineChart(plot))]);
  return {
    title: `Kinds of memory compared: ${title.toLowerCase()}`,
    lines: [
      settingsOf(comparison),
      toMarkdown(tableTwo(comparison)),
      "Bits per byte by position in the document:",
      toMarkdown(positionTable(comparison)),
      ...(lengths ? ["Bits per byte by the length of training sequences, the first seed:", toMarkdown(lengths)] : []),
      toMarkdown(costTable(comparison)),
      ...drawn.map(({ file, alt }) => `![${alt}](plots/${file})`),
      ...(missing.length > 0 ? [`Incomplete: ${missing.map((name) => `\`${name}\``).join(", ")}.`] : []),
    ],
    plots,
  };
}

// --- internal ---

function settingsOf({ suite, tokens, length, learningRates, searchShare, texts }: Comparison): string {
  return (
    `Made by \`npm run lab -- compare ${suite}\`: the same ${formatCount(tokens)} tokens (bytes) in sequences of ${formatCount(length)} for each model. ` +
    `The learning rate is the best of ${learningRates.join(", ")} on validation text, with ${(100 * searchShare).toFixed(0)} % of the tokens. ` +
    `${texts.test.documents} test documents (${formatBytes(texts.test.bytes)}), each read from its start with an empty memory. Perplexity is per byte; ` +
    `± is over seeds. Memory: numbers kept between segments, by table 1 of the paper for the models in it; in brackets, how many times smaller than the largest.`
  );
}
