import type { Rng } from "../base/random.ts";

/** One of the values, all equally likely. Throws `RangeError` when there is none. */
export function pick<T>(values: readonly T[], rng: Rng): T {
  const value = values[rng.integer(values.length)];
  if (value === undefined) throw new RangeError("there is nothing to pick from");
  return value;
}

/** The values in random order. */
export function shuffled<T>(values: readonly T[], rng: Rng): T[] {
  return values
    .map((value) => ({ value, key: rng.uniform() }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ value }) => value);
}

/** `count` different values of a draw that has more than that. */
export function drawDistinct<T>(count: number, draw: () => T): T[] {
  const drawn = new Set<T>();
  while (drawn.size < count) drawn.add(draw());
  return [...drawn];
}

/** `count` different places in [0, `limit`), in ascending order. */
export function drawPlaces(limit: number, count: number, rng: Rng): number[] {
  return drawDistinct(count, () => rng.integer(limit)).toSorted((a, b) => a - b);
}
