import { expect } from "vitest";
import type { Tensor } from "./tensor.ts";

/** Every tensor comes once, after its operands. */
export function expectOrdered(nodes: readonly Tensor[]): void {
  const seen = new Set<Tensor>();
  for (const node of nodes) {
    expect(node.inputs.filter((operand) => !seen.has(operand))).toEqual([]);
    expect(seen.has(node)).toBe(false);
    seen.add(node);
  }
}
