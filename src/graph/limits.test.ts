import { describe, expect, it } from "vitest";
import { floatTensor } from "../tensor/host-tensor.ts";
import { fromFloat32, toFloat32 } from "../tensor/number-types.ts";
import { LIMITS } from "./limits.ts";

describe.each(Object.entries(LIMITS))("the limits of %s", (name, { hidden, denominator }) => {
  const dtype = name as keyof typeof LIMITS;
  const [score, twice, smallest, half] = toFloat32(
    fromFloat32(floatTensor([4], Float32Array.of(hidden, 2 * hidden, denominator, denominator / 2)), dtype),
  ).data;

  it("hide a score: it vanishes next to any other, and the sum of two is finite", () => {
    expect(Math.exp((score ?? NaN) - -1e4)).toBe(0);
    expect(Number.isFinite(twice)).toBe(true);
  });

  it("keep a denominator above zero, and are normal numbers of the type", () => {
    expect(smallest).toBeCloseTo(denominator, 9);
    expect(half).toBeGreaterThan(0);
    expect(Number.isFinite(1 / (smallest ?? 0))).toBe(true);
    expect(
      toFloat32(fromFloat32(floatTensor([1], Float32Array.of(denominator * (1 + 2 ** -10))), dtype)).data[0],
    ).not.toBe(smallest);
  });
});
