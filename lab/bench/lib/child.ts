import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Readings } from "./measure.ts";

/** Readings of a fresh process, so that its memory is its own: it gets `settings` as JSON and prints its readings. */
export async function measureInChild(file: string, settings: object): Promise<Readings> {
  const path = fileURLToPath(new URL(`../children/${file}`, import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", path, JSON.stringify(settings)]);
  return JSON.parse(stdout) as Readings;
}

/** In the child: what it was given. */
export function childSettings<T>(): T {
  return JSON.parse(process.argv[2] ?? "{}") as T;
}

/** In the child: its answer. */
export function answer(readings: Readings): void {
  process.stdout.write(JSON.stringify(readings));
}
