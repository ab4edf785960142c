import { createStore, delMany, get, keys, set, setMany } from "idb-keyval";
import type { StepMetrics } from "infini-transformer/train";
import type { TrainingTask } from "./trainer.ts";

/** A run as this browser keeps it, so that it survives a reload. */
export interface SavedRun {
  readonly task: TrainingTask;
  /** What it trains on, by name. */
  readonly material: string;
  /** Of the whole run. */
  readonly steps: number;
  /** Whether it was running, not paused. */
  readonly training: boolean;
  /** One entry for each step of the checkpoint. */
  readonly metrics: readonly StepMetrics[];
  /** As made by `encodeRunState`; undefined before the first. */
  readonly checkpoint: Uint8Array | undefined;
}

/**
 * A place for one run, which no other tab can take while this one is open: the one that the tab had before it was reloaded, or one
 * whose tab is closed, or a new one. Undefined where the browser keeps none; it does so only on secure pages.
 */
export async function takePlace(): Promise<string | undefined> {
  try {
    const place = (await formerPlace()) ?? (await firstHeld([...(await keptPlaces()), crypto.randomUUID()]));
    if (place !== undefined) sessionStorage.setItem(PLACE, place);
    return place;
  } catch {
    return undefined;
  }
}

export function savedRun(place: string): Promise<SavedRun | undefined> {
  return get<SavedRun>(place, RUNS);
}

/** The text that the run at a place trains on. */
export function savedText(place: string): Promise<Uint8Array | undefined> {
  return get<Uint8Array>(textOf(place), RUNS);
}

/** Keeps a new run and its text, which does not change: both or neither. Returns true. */
export async function saveNewRun(place: string, run: SavedRun, text: Uint8Array): Promise<boolean> {
  await setMany(
    [
      [place, run],
      [textOf(place), text],
    ],
    RUNS,
  );
  return true;
}

export function saveRun(place: string, run: SavedRun): Promise<void> {
  return set(place, run, RUNS);
}

export function forgetRun(place: string): Promise<void> {
  return delMany([place, textOf(place)], RUNS);
}

// --- internal ---

const PLACE = "infini-transformer-run";
/** A reloaded page may ask for its place before it has released it. */
const PATIENCE = 5000;

const RUNS = createStore("infini-transformer", "runs");

const TEXT = " text";

function textOf(place: string): string {
  return `${place}${TEXT}`;
}

/** Every place that has a run. */
async function keptPlaces(): Promise<string[]> {
  return (await keys<string>(RUNS)).filter((key) => !key.endsWith(TEXT));
}

/** The place that the tab had; undefined where there was none, or a copy of the tab has it. */
async function formerPlace(): Promise<string | undefined> {
  const former = sessionStorage.getItem(PLACE);
  if (former === null) return undefined;
  const held = await holds(former, { signal: AbortSignal.timeout(PATIENCE) }).catch(() => false);
  return held ? former : undefined;
}

async function firstHeld(places: readonly string[]): Promise<string | undefined> {
  for (const place of places) if (await holds(place, { ifAvailable: true })) return place;
  return undefined;
}

/** Holds a place until the tab is closed, unless another tab has it. */
function holds(place: string, options: LockOptions): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const hold = (lock: Lock | null): Promise<void> | undefined => {
      resolve(lock !== null);
      return lock ? new Promise(() => {}) : undefined;
    };
    navigator.locks.request(`${PLACE} ${place}`, options, hold).catch(reject);
  });
}
