import { Presets, SingleBar } from "cli-progress";
import Table from "cli-table3";
import { styleText } from "node:util";
import { toJson, writeAtomically } from "../../platform/node/files.ts";

/** Writes a result as JSON where `--json` asks for it: a file, or `-` for standard output. */
export async function writeJson(value: unknown, target: string | undefined): Promise<void> {
  if (target === "-") process.stdout.write(toJson(value));
  else if (target !== undefined) await writeAtomically(target, toJson(value));
}

/** A line for a person, unless standard output is taken by JSON. */
export function print(line: string, json?: string): void {
  const stream = json === "-" ? process.stderr : process.stdout;
  stream.write(`${line}\n`);
}

/** A table with lines around its cells. */
export function renderTable(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const table = new Table({ head: [...head], style: { head: [], border: [] } });
  for (const row of rows) table.push([...row]);
  return table.toString();
}

/** Text in a style on a terminal, plain elsewhere. */
export function styled(style: "bold" | "green" | "red", text: string): string {
  return process.stdout.isTTY ? styleText(style, text) : text;
}

/** A bar on standard error with the time left. */
export interface Progress {
  update(done: number, note?: string): void;
  stop(): void;
}

/** A live bar on a terminal; nothing elsewhere. */
export function createProgress(label: string, total: number, unit: string): Progress {
  const bar = new SingleBar(
    {
      format: `${label} {bar} {percentage}% | {value}/{total} ${unit} | {note}{eta_formatted} left`,
      stream: process.stderr,
      noTTYOutput: false,
      hideCursor: true,
      clearOnComplete: true,
      etaBuffer: 50,
    },
    Presets.shades_classic,
  );
  bar.start(total, 0, { note: "" });
  return {
    update: (done, note) => bar.update(done, { note: note ? `${note} | ` : "" }),
    stop: () => bar.stop(),
  };
}

/** A bar for the tokens that an evaluation has read of the total. */
export function createReadProgress(): { onProgress(done: number, total: number): void; stop(): void } {
  const progress = createProgress("read", 1, "of all");
  return {
    onProgress: (done, total) => progress.update(done / total, `${formatCount(done)} of ${formatCount(total)} tokens`),
    stop: () => progress.stop(),
  };
}

const BYTE_UNITS = ["B", "kB", "MB", "GB", "TB"];

/** 1536 -> "1.5 kB". */
export function formatBytes(bytes: number): string {
  const power = Math.min(BYTE_UNITS.length - 1, Math.floor(Math.log(Math.max(bytes, 1)) / Math.log(1000)));
  const value = bytes / 1000 ** power;
  return `${value.toFixed(power > 0 && value < 100 ? 1 : 0)} ${BYTE_UNITS[power]}`;
}

/** 1234567 -> "1,234,567". */
export function formatCount(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** 0.5 -> "30 s", 2.4 -> "2 min", 150 -> "2.5 h". */
export function formatMinutes(minutes: number): string {
  if (minutes < 1) return `${Math.round(minutes * 60)} s`;
  return minutes < 120 ? `${Math.round(minutes)} min` : `${(minutes / 60).toFixed(1)} h`;
}

/** 0.9512, 0.02 -> "0.951 ± 0.020". */
export function formatWithError(value: number, standardError: number): string {
  return `${value.toFixed(3)} ± ${standardError.toFixed(3)}`;
}
