import { join } from "node:path";
import type { Comparison } from "../compare/results.ts";
import { readBytes, writeAtomically } from "../../src/platform/node/files.ts";
import type { Experiment } from "./experiments.ts";
import {
  factsSection,
  memorySection,
  passkeySection,
  recallSection,
  runsSection,
  TITLES,
  type Section,
} from "./report-sections.ts";
import { comparisonSection } from "./comparison-section.ts";
import { readComparisons, readResults, type Result } from "./results.ts";

export interface Report {
  readonly markdown: string;
  /** SVG by file name; they belong in the folder `plots` beside the report. */
  readonly plots: ReadonlyMap<string, string>;
  /** Experiments that it lacks. */
  readonly missing: readonly string[];
}

export interface ReportOptions {
  /** Folder of the results. */
  readonly out: string;
  /** Folder that gets `results.md` and `plots/`. */
  readonly docs: string;
  /** Markdown file with what the figures say. */
  readonly reading: string;
  readonly expected: readonly Pick<Experiment, "name">[];
}

/** Writes the report from the files of results alone. Throws FileError, or ConfigError for a broken result. */
export async function writeReport(options: ReportOptions): Promise<{ file: string; missing: readonly string[] }> {
  const { out, docs, reading, expected } = options;
  const text = new TextDecoder().decode(await readBytes(reading));
  const names = expected.map(({ name }) => name);
  const [results, comparisons] = [await readResults(out), await readComparisons(out)];
  const { markdown, plots, missing } = await renderReport(results, text, names, comparisons);
  for (const [name, svg] of plots) await writeAtomically(join(docs, "plots", name), svg);
  const file = join(docs, "results.md");
  await writeAtomically(file, markdown);
  return { file, missing };
}

/**
 * The report on these results, which are of the experiments of these names, in their order. A passage of `reading`
 * stands in the section of the same heading, or in a section of its own after the others.
 */
export async function renderReport(
  results: ReadonlyMap<string, Result>,
  reading: string,
  expected: readonly string[],
  comparisons: readonly Comparison[] = [],
): Promise<Report> {
  const present = expected.flatMap((name) => results.get(name) ?? []);
  const passages = passagesOf(reading);
  const candidates = [
    passkeySection(present),
    await factsSection(present),
    recallSection(present),
    memorySection(present),
    ...(await sectionsOf(comparisons)),
  ];
  const sections = candidates.filter((section) => section !== undefined);
  const missing = expected.filter((name) => !results.has(name));
  const known: readonly string[] = [...Object.values(TITLES), ...sections.map(({ title }) => title)];
  const others = [...passages]
    .filter(([title]) => !known.includes(title))
    .map(([title, text]) => ({ title, lines: [text] }));
  const runs = runsSection(present);
  const blocks = [
    "# Results",
    "Made by `npm run reproduce` from the files in `results/`; written by a program, so change nothing here. What follows ± is a standard error.",
    ...sections.map((section) => renderSection(section, passages.get(section.title))),
    ...others.map((section) => renderSection(section)),
    ...(runs ? [renderSection(runs)] : []),
    ...(missing.length > 0 ? [`Not run yet: ${missing.map((name) => `\`${name}\``).join(", ")}.`] : []),
  ];
  return { markdown: `${blocks.join("\n\n")}\n`, plots: new Map(sections.flatMap(({ plots = [] }) => plots)), missing };
}

// --- internal ---

/** One after the other: charts that are drawn in the same order have the same bytes. */
async function sectionsOf(comparisons: readonly Comparison[]): Promise<(Section | undefined)[]> {
  const sections: (Section | undefined)[] = [];
  for (const comparison of comparisons) sections.push(await comparisonSection(comparison));
  return sections;
}

function renderSection({ title, lines }: Section, passage?: string): string {
  return [`## ${title}`, ...(passage === undefined ? [] : [passage]), ...lines].join("\n\n");
}

/** What stands under each heading, where there is anything. */
function passagesOf(reading: string): Map<string, string> {
  const parts = reading.split(/^## /m).slice(1);
  const passages = parts.map((part): [string, string] => {
    const [title = "", ...text] = part.split("\n");
    return [title.trim(), text.join("\n").trim()];
  });
  return new Map(passages.filter(([, text]) => text !== ""));
}
