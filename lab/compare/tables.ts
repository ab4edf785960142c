import type { Comparison, Mean, SystemResult } from "./results.ts";

/** A table as text. The first column names the rows. */
export interface TextTable {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Table 2 of the paper: what is kept, what attention reaches, and how well the text is predicted. */
export function tableTwo({ systems, title }: Comparison): TextTable {
  const most = Math.max(...systems.map(({ keptNumbers }) => keptNumbers));
  return {
    head: ["model", "memory (comp.)", "XL cache", "segment", `${title}: perplexity`, "bits per byte"],
    rows: systems.map(({ label, keptNumbers, cacheLength, model, perplexity, bitsPerByte }) => [
      label,
      keptNumbers > 0 ? `${inThousands(keptNumbers)} (${(most / keptNumbers).toFixed(1)}x)` : "none",
      cacheLength > 0 ? String(cacheLength) : "none",
      String(model.segmentLength),
      withError(perplexity),
      withError(bitsPerByte),
    ]),
  };
}

/** Bits per byte by the position in the document. */
export function positionTable({ systems }: Comparison): TextTable {
  const bins = longest(systems.map(({ byPosition }) => byPosition));
  return {
    head: ["model", ...bins.map(binLabel)],
    rows: systems.map(({ label, byPosition }) => [
      label,
      ...bins.map((_, i) => {
        const bin = byPosition[i];
        return bin ? withError(bin.bitsPerByte) : "";
      }),
    ]),
  };
}

/** The size and cost of each system. */
export function costTable({ systems }: Comparison): TextTable {
  return {
    head: [
      "model",
      "parameters",
      "learning rate",
      "seeds",
      "state",
      "resident in training",
      "trained at",
      "streams at",
    ],
    rows: systems.map((system) => [
      system.label,
      `${inFull(Math.round(system.parameters))} (${signedPercent(system.deviation)})`,
      String(system.learningRate),
      String(system.bitsPerByte.count),
      `${(system.stateBytes / 1000).toFixed(0)} kB`,
      system.residentBytes === undefined ? "" : `${(system.residentBytes / 1e6).toFixed(0)} MB`,
      `${inThousands(system.trainingTokensPerSecond.mean)} tokens/s`,
      `${inThousands(system.streamingTokensPerSecond.mean)} tokens/s`,
    ]),
  };
}

/** Bits per byte over the length of training sequences, at the same number of tokens. */
export function lengthTable({ lengths }: Comparison): TextTable | undefined {
  if (lengths.length === 0) return undefined;
  const columns = sortedValues(lengths.map(({ length }) => length));
  return {
    head: ["model", ...columns.map((length) => `trained on ${inFull(length)}`)],
    rows: [...new Set(lengths.map(({ label }) => label))].map((label) => [
      label,
      ...columns.map((length) => {
        const found = lengths.find((row) => row.label === label && row.length === length);
        return found ? found.bitsPerByte.toFixed(3) : "";
      }),
    ]),
  };
}

/** A table in Markdown. */
export function toMarkdown({ head, rows }: TextTable): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** {from: 1024, to: 4096} -> "1K to 4K". */
export function binLabel({ from, to }: { readonly from: number; readonly to?: number | undefined }): string {
  return to === undefined ? `${inK(from)} and more` : `${inK(from)} to ${inK(to)}`;
}

/** 12345 -> "12,345" */
export function inFull(value: number): string {
  return value.toLocaleString("en-US");
}

/** Each value once, in ascending order. */
export function sortedValues(values: readonly number[]): number[] {
  return [...new Set(values)].toSorted((a, b) => a - b);
}

// --- internal ---

function withError({ mean, standardError }: Mean): string {
  return standardError === undefined ? mean.toFixed(3) : `${mean.toFixed(3)} ± ${standardError.toFixed(3)}`;
}

function inK(tokens: number): string {
  return tokens >= 1024 && tokens % 1024 === 0 ? `${tokens / 1024}K` : String(tokens);
}

/** 16512 -> "16.5K", 1585152 -> "1.6M". */
function inThousands(value: number): string {
  if (value < 1000) return value.toFixed(0);
  return value < 1e6 ? `${(value / 1000).toFixed(1)}K` : `${(value / 1e6).toFixed(1)}M`;
}

function signedPercent(share: number): string {
  return `${share < 0 ? "" : "+"}${(100 * share).toFixed(2)} %`;
}

function longest(lists: readonly SystemResult["byPosition"][]): SystemResult["byPosition"] {
  return lists.toSorted((a, b) => b.length - a.length)[0] ?? [];
}
