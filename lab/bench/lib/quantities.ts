import type { Quantity } from "./results.ts";

/* What is measured. `speed` is the name that shares of the rate of a large product go by. */

export const SPEED: Quantity = { label: "speed", unit: "tokens/s", better: "higher" };
export const MEMORY: Quantity = memory("peak memory of the process");

/** Memory under this label. */
export function memory(label: string): Quantity {
  return { label, unit: "B", better: "lower" };
}

/** A time under this label. */
export function time(label: string): Quantity {
  return { label, unit: "s", better: "lower" };
}
