import type { Comparison } from "./results.ts";
import { binLabel, inFull, sortedValues } from "./tables.ts";

/** Lines over an axis, independent of what draws them. */
export interface Plot {
  readonly title: string;
  /** The label of the horizontal axis. */
  readonly axis: string;
  /** Names of evenly spaced places; `x` is then the index of one, from 0. Default: `x` is a plain number. */
  readonly places?: readonly string[];
  /** Whether the vertical axis is logarithmic. Default: no. */
  readonly logarithmic?: boolean;
  readonly lines: readonly PlotLine[];
}

export interface PlotLine {
  readonly label: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** Cross-entropy of the training text in bits over the tokens trained on, of the first seed of each system. */
export function lossPlot({ systems }: Comparison): Plot {
  return {
    title: "Training: bits per byte",
    axis: "tokens trained on",
    lines: systems.map(({ label, loss }) => ({
      label,
      points: loss.map(([tokens, nats]) => [tokens, nats / Math.LN2]),
    })),
  };
}

/** Bits per byte of test documents over the position in the document. */
export function positionPlot({ systems, title }: Comparison): Plot {
  const bins = systems.map(({ byPosition }) => byPosition).toSorted((a, b) => b.length - a.length)[0] ?? [];
  return {
    title: `${title}: bits per byte by position in the document`,
    axis: "place in the document, tokens",
    places: bins.map(binLabel),
    lines: systems.map(({ label, byPosition }) => ({
      label,
      points: byPosition.map(({ bitsPerByte }, i) => [i, bitsPerByte.mean]),
    })),
  };
}

/** Bits per byte of test documents over the length of training sequences. */
export function lengthPlot({ lengths, title }: Comparison): Plot {
  const places = sortedValues(lengths.map(({ length }) => length));
  return {
    title: `${title}: bits per byte by the length of training sequences, as many tokens in all`,
    axis: "tokens of a training sequence",
    places: places.map(inFull),
    lines: [...new Set(lengths.map(({ label }) => label))].map((label) => ({
      label,
      points: lengths
        .filter((row) => row.label === label)
        .map(({ length, bitsPerByte }) => [places.indexOf(length), bitsPerByte]),
    })),
  };
}

/** What one stream keeps over its length in MB, next to a key/value cache of full attention. */
export function memoryPlot({ systems }: Comparison): Plot {
  const perToken = systems[0]?.keyValueBytesPerToken ?? 0;
  const line = (label: string, bytesAt: (tokens: number) => number): PlotLine => ({
    label,
    points: LENGTHS.map((length, i) => [i, bytesAt(1024 * length) / 1e6]),
  });
  return {
    title: "Memory of one stream, MB",
    axis: "tokens read",
    places: LENGTHS.map((length) => `${length}K`),
    logarithmic: true,
    lines: [
      ...systems.map(({ label, stateBytes }) => line(label, () => stateBytes)),
      line("key/value cache of full attention", (tokens) => tokens * perToken),
    ],
  };
}

// --- internal ---

/** In units of 1,024 tokens. */
const LENGTHS = [1, 4, 16, 64, 256, 1024];
