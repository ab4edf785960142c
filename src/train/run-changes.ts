import type { RunConfig } from "./config.ts";

/** A key of a config that has another value than before. */
export interface Change {
  /** With its path, as in `training.learningRate`. */
  readonly key: string;
  readonly was: unknown;
  readonly is: unknown;
}

/** What differs between two configs, key by key; lists are compared as a whole. */
export function changesBetween(was: object, is: object, path = ""): Change[] {
  const [before, after] = [was, is] as readonly Readonly<Record<string, unknown>>[];
  return [...new Set([...Object.keys(was), ...Object.keys(is)])].flatMap((name) => {
    const key = path ? `${path}.${name}` : name;
    const [old, now] = [before?.[name], after?.[name]];
    if (isTable(old) && isTable(now)) return changesBetween(old, now, key);
    return JSON.stringify(old) === JSON.stringify(now) ? [] : [{ key, was: old, is: now }];
  });
}

/** `training.steps was 80, is 120`. */
export function describeChange({ key, was, is }: Change): string {
  return `${key} was ${inWords(was)}, is ${inWords(is)}`;
}

/** The first change that makes another run of it, so that the state of the one is none for the other. */
export function firstForbidden(changes: readonly Change[]): Change | undefined {
  return changes.find(({ key }) => key.startsWith("model.") || key === "training.optimizer.kind");
}

/** Whether lanes read the same as before, so that the memory of what they have read is still of use. */
export function keepsLanes(changes: readonly Change[]): boolean {
  return !changes.some(({ key }) => LANE_KEYS.has(key));
}

// --- internal ---

/** What decides which tokens a lane reads, and where it starts again. */
const LANE_KEYS: ReadonlySet<string> = new Set<`training.${keyof RunConfig["training"]}`>([
  "training.batch",
  "training.length",
  "training.accumulate",
  "training.mode",
  "training.seed",
  "training.carry",
  "training.curriculum",
  "training.mixture",
]);

function isTable(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function inWords(value: unknown): string {
  return value === undefined ? "not given" : JSON.stringify(value);
}
