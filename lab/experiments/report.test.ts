import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { comparisonOf } from "../compare/fixtures.ts";
import { toJson, writeAtomically } from "../../src/platform/node/files.ts";
import { renderReport, writeReport } from "./report.ts";
import { toMeasured, writeResult, type Measured, type Result } from "./results.ts";

const NAMES = ["passkey-linear", "passkey-ours", "facts-linear", "facts-full", "ruler", "constant-memory"];
const BITS = { local: 3, "infini-linear": 2 };
const READING = "## Pass keys\n\nThe paper's rule forgets.\n\n## RULER\n\n## What remains unsolved\n\nMuch.\n";

describe("renderReport", () => {
  it("has a table for each haystack, the memories over lengths and depths", async () => {
    const { markdown } = await renderReport(resultsOf(NAMES), READING, NAMES);
    expect(sectionOf(markdown, "Pass keys")).toContain(`The paper's rule forgets.

Share of`);
    expect(sectionOf(markdown, "Pass keys")).toContain(`### In the paper's garbage

| memory | key | 4,096 | 32,768 |
| --- | --- | --- | --- |
| paper, linear | start | .25 ± .05 (.10 ± .07) | .00 ± .05 (.10 ± .07) |
| paper, linear | end | .25 ± .05 (.10 ± .07) | .00 ± .05 (.10 ± .07) |
| ours | start | 1.00 ± .05 (.10 ± .07) | .50 ± .05 (.10 ± .07) |
| ours | end | 1.00 ± .05 (.10 ± .07) | .50 ± .05 (.10 ± .07) |`);
    expect(markdown).toContain("### In _Moby Dick_");
  });

  it("has a table of facts at zoology's sizes, and plots with a line for each memory", async () => {
    const { markdown, plots } = await renderReport(resultsOf(NAMES), READING, NAMES);
    expect(sectionOf(markdown, "Many facts at once")).toContain(`| memory | 64 facts | 128 facts |
| --- | --- | --- |
| linear | .40 ± .02 (.05) | .20 ± .02 (.05) |
| full | .80 ± .02 (.05) | .40 ± .02 (.05) |`);
    expect([...plots.keys()]).toEqual(["facts-number.svg", "facts-distance.svg"]);
    for (const [file, svg] of plots) {
      expect(markdown).toContain(`](plots/${file})`);
      expect(svg).toMatch(/^<svg/);
      for (const label of ["linear", "full"]) expect(svg).toContain(`>${label}</text>`);
    }
    expect(plots.get("facts-number.svg")).toContain("96 tokens before the questions");
    expect(plots.get("facts-number.svg")).toContain(">128</text>");
    expect(plots.get("facts-distance.svg")).toContain("segments of 32 tokens");
    expect(plots.get("facts-distance.svg")).toContain(">2</text>"); // 64 tokens of filler
  });

  it("has the tasks of RULER over lengths with their mean, and memory with its ratio", async () => {
    const { markdown } = await renderReport(resultsOf(NAMES), READING, NAMES);
    expect(sectionOf(markdown, "RULER")).toContain(`| task | 4,096 | 16,384 |
| --- | --- | --- |
| niah_single_1 | .90 ± .03 | .80 ± .03 |
| vt | .50 ± .03 | .40 ± .03 |
| **mean** | .70 | .60 |`);
    expect(sectionOf(markdown, "Memory and speed")).toContain("| 1,048,576 | 210 MB | 90,000 | 200 kB | 2.1 GB |");
    expect(sectionOf(markdown, "Memory and speed")).toContain("1,048,576 tokens is 1.05 times that at 8,192");
  });

  it("leaves out what is missing and names it, keeps passages without figures, and lists the runs", async () => {
    const present = ["passkey-ours", "ruler"];
    const { markdown, missing, plots } = await renderReport(resultsOf(present), READING, NAMES);
    expect(headings(markdown)).toEqual(["Pass keys", "RULER", "What remains unsolved", "Runs"]);
    expect(missing).toEqual(["passkey-linear", "facts-linear", "facts-full", "constant-memory"]);
    expect(markdown).toMatch(/Not run yet: `passkey-linear`, `facts-linear`, `facts-full`, `constant-memory`\.\n$/);
    expect(plots.size).toBe(0);
    const runs = sectionOf(markdown, "Runs");
    expect(runs).toContain(
      "| `passkey-ours` | 1,234 | 200 kB | as shipped |  | 1 | `0123abcd` | a CPU, 2 cores | node 20.0.0 |",
    );
    expect(runs).toContain("| `ruler` | 1,234 | 200 kB | 5,000 | 2.5 | 1 |");
  });

  it("has a section for each comparison, as table 2 of the paper, with its passage and plots", async () => {
    const title = "Kinds of memory compared: books";
    const reading = `## ${title}\n\nA memory helps.\n`;
    const { markdown, plots } = await renderReport(new Map(), reading, [], [await comparisonOf(BITS)]);
    expect(headings(markdown)).toEqual([title]);
    const section = sectionOf(markdown, title);
    expect(section).toContain("A memory helps.\n\nMade by `npm run lab -- compare books`: the same 1,024 tokens");
    expect(section).toContain("| Infini (Linear) | 288 (1.0x) | none | 16 | 4.297 ± 0.297 | 2.100 ± 0.100 |");
    expect(section).toContain("| model | 0 to 64 | 64 and more |");
    expect(section).toContain("| model | trained on 32 | trained on 64 |");
    expect([...plots.keys()]).toEqual(["position", "length", "memory"].map((name) => `compare-books-${name}.svg`));
    for (const file of plots.keys()) expect(section).toContain(`](plots/${file})`);
  });

  it("says only what is missing if there are no results at all", async () => {
    const { markdown } = await renderReport(new Map(), "## Pass keys\n\nNothing yet.\n", ["ruler"]);
    expect(headings(markdown)).toEqual([]);
    expect(markdown).toContain("Not run yet: `ruler`.");
  });
});

describe("writeReport", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "report-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("makes the same files every time, from the files of results alone", async () => {
    const out = join(folder, "results");
    for (const result of resultsOf(NAMES).values()) await writeResult(out, result);
    await writeFile(join(folder, "reading.md"), READING);
    const write = async (docs: string): Promise<string[]> => {
      const options = { out, docs: join(folder, docs), reading: join(folder, "reading.md") };
      const report = await writeReport({ ...options, expected: NAMES.map((name) => ({ name })) });
      expect(report).toEqual({ file: join(folder, docs, "results.md"), missing: [] });
      const files = (await readdir(options.docs, { recursive: true })).filter((file) => /\.(md|svg)$/.test(file));
      expect(files.toSorted()).toEqual(["plots/facts-distance.svg", "plots/facts-number.svg", "results.md"]);
      return Promise.all(files.toSorted().map((file) => readFile(join(options.docs, file), "utf8")));
    };
    const [first, second] = [await write("a"), await write("b")];
    expect(second.at(-1)).toBe(first.at(-1));
    expect(first.at(-1)).toBe((await renderReport(resultsOf(NAMES), READING, NAMES)).markdown);
  });

  it("reads comparisons along with the other results", async () => {
    const out = join(folder, "results");
    await writeAtomically(join(out, "compare-books.json"), toJson(await comparisonOf(BITS)));
    await writeFile(join(folder, "reading.md"), READING);
    const options = { out, docs: join(folder, "docs"), reading: join(folder, "reading.md"), expected: [] };
    const { file } = await writeReport(options);
    expect(headings(await readFile(file, "utf8"))).toContain("Kinds of memory compared: books");
    expect(await readdir(join(folder, "docs", "plots"))).toContain("compare-books-position.svg");
    await writeAtomically(join(out, "compare-books.json"), "{}");
    await expect(writeReport(options)).rejects.toThrow(/compare-books\.json: suite:/);
  });

  it("names a result that it cannot read", async () => {
    await writeFile(join(folder, "ruler.json"), "{}");
    await writeFile(join(folder, "reading.md"), READING);
    const options = { out: folder, docs: join(folder, "docs"), reading: join(folder, "reading.md"), expected: [] };
    await expect(writeReport(options)).rejects.toThrow(/ruler\.json: name:/);
  });
});

// --- internal ---

function sectionOf(markdown: string, title: string): string {
  return markdown.split(/^## /m).find((part) => part.startsWith(`${title}\n`)) ?? "";
}

function headings(markdown: string): string[] {
  return [...markdown.matchAll(/^## (.*)$/gm)].map(([, title = ""]) => title);
}

function resultsOf(names: readonly string[]): Map<string, Result> {
  return new Map(names.map((name) => [name, resultOf(name)]));
}

function resultOf(name: string): Result {
  return {
    name,
    modelHash: "0",
    config: { model: { segmentLength: name === "facts-full" ? 1024 : 32 }, training: {} },
    configHash: "0123abcd01234567",
    seed: 1,
    parameters: 1234,
    stateBytes: 200_000,
    ...(name === "passkey-ours" ? {} : { trained: { steps: 10, tokens: 5000, minutes: 2.5 } }),
    hardware: { cpu: "a CPU", cores: 2, memoryBytes: 8e9 },
    versions: { node: "20.0.0" },
    evaluations: evaluationsOf(name),
  };
}

function evaluationsOf(name: string): Measured[] {
  if (name.startsWith("passkey")) return ["garbage", "moby-dick"].map((haystack) => passkeys(haystack, name));
  if (name.startsWith("facts")) return facts(name === "facts-full" ? 0.8 : 0.4);
  if (name === "ruler") return [measured({ kind: "recall" }, recallRows())];
  return [measured({ kind: "constant-memory" }, memoryRows())];
}

function passkeys(haystack: string, name: string): Measured {
  const rows = [4096, 32_768].flatMap((length, i) =>
    [0, 1].map((depth) => ({
      length,
      depth,
      samples: 20,
      tokenAccuracy: (name === "passkey-ours" ? [1, 0.5] : [0.25, 0])[i],
      standardError: 0.05,
      exactMatch: 0.1,
      exactStandardError: 0.07,
    })),
  );
  return measured({ kind: "passkey", haystack }, rows);
}

function facts(best: number): Measured[] {
  const row = { samples: 20, standardError: 0.02, exact: 0.05 };
  const sizes = (all: readonly number[], distance: number): object[] =>
    all.map((pairs) => ({ ...row, pairs, length: 512, distance, accuracy: Math.min(1, (best * 64) / pairs) }));
  const far = [0, 64].map((distance) => ({
    ...row,
    pairs: 64,
    length: 256,
    distance,
    accuracy: best / (1 + distance),
  }));
  return [
    measured({ kind: "mqar" }, sizes([64, 128], 0)),
    measured({ kind: "mqar" }, sizes([32, 64, 128], 96)),
    measured({ kind: "mqar" }, far),
  ];
}

function recallRows(): object[] {
  const scores = { niah_single_1: [0.9, 0.8], vt: [0.5, 0.4] };
  return Object.entries(scores).flatMap(([task, each]) =>
    each.map((score, i) => ({ task, length: [4096, 16_384][i], samples: 20, score, standardError: 0.03 })),
  );
}

function memoryRows(): object[] {
  const row = { repeats: 3, allResidentBytes: [], allTokensPerSecond: [] };
  return [
    { ...row, tokens: 8192, residentBytes: 200e6, tokensPerSecond: 80_000, keyValueCacheBytes: 16e6 },
    { ...row, tokens: 1_048_576, residentBytes: 210e6, tokensPerSecond: 90_000, keyValueCacheBytes: 2.1e9 },
  ];
}

function measured(settings: { kind: string; [key: string]: unknown }, rows: readonly object[]): Measured {
  return toMeasured({ kind: settings.kind, settings, seconds: 1, rows });
}
