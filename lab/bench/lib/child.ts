import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Readings } from "./measure.ts";

/**
 * Readings of a fresh process, so that its memory is its own: it gets `settings` as JSON and prints its readings. `file` is a path,
 * or a name in `lab/bench/children`; the process can call `gc`.
 */
export async function measureInChild(file: string, settings: object): Promise<Readings> {
  const path = resolve(CHILDREN, file);
  const options = ["--expose-gc", "--import", "tsx", path, JSON.stringify(settings)];
  const { stdout } = await promisify(execFile)(process.execPath, options);
  return JSON.parse(stdout) as Readings;
}

/** In the child: its settings. */
export function childSettings<T>(): T {
  return JSON.parse(process.argv[2] ?? "{}") as T;
}

/** In the child: its answer. */
export function answer(readings: Readings): void {
  process.stdout.write(JSON.stringify(readings));
}

// --- internal ---

const CHILDREN = fileURLToPath(new URL("../children/", import.meta.url));
