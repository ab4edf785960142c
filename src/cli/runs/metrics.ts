import type { StepMetrics } from "../../train/loop.ts";

/** The log entry of a validation. */
export interface ValidationMetrics {
  readonly kind: "validation";
  /** Steps done. */
  readonly step: number;
  /** Of the held-out text, in bits per byte. */
  readonly bitsPerByte: number;
}

/** A line of `metrics.jsonl`. */
export type MetricsLine = StepMetrics | ValidationMetrics;

/** The lines of `metrics.jsonl`; a damaged line, as left by a machine that crashed, is left out. */
export function parseMetrics(text: string): MetricsLine[] {
  return text.split("\n").flatMap((line) => {
    const value = parseLine(line);
    return isLine(value) ? [value] : [];
  });
}

export function isValidation(line: MetricsLine): line is ValidationMetrics {
  return "kind" in line;
}

export function isStep(line: MetricsLine): line is StepMetrics {
  return !isValidation(line);
}

// --- internal ---

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function isLine(value: unknown): value is MetricsLine {
  const { kind, step, loss, bitsPerByte } = (value ?? {}) as Partial<Record<string, unknown>>;
  return Number.isInteger(step) && (kind === "validation" ? typeof bitsPerByte : typeof loss) === "number";
}
