import type { Quantity } from "./results.ts";

/* What is measured. Shares of the rate of a large product are named `speed`. */

export const SPEED: Quantity = { label: "speed", unit: "tokens/s", better: "higher" };
export const MEMORY: Quantity = memory("peak memory of the process");

/** A memory size under this label. */
export function memory(label: string): Quantity {
  return { label, unit: "B", better: "lower" };
}

/** A time under this label. */
export function time(label: string): Quantity {
  return { label, unit: "s", better: "lower" };
}
