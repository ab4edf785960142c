import { describe, expect, it } from "vitest";
import { gradients } from "../autodiff/gradients.ts";
import { evaluate } from "../engine/reference/reference.ts";
import { input, sum } from "../graph/builder.ts";
import { createGraph } from "../graph/graph.ts";
import { inverseSoftplus, softplus } from "./softplus.ts";

const numbers = [-1000, -20, -3, -0.5, 0, 0.5, 3, 20, 1000];

describe("softplus", () => {
  const x = input("x", [numbers.length]);
  const y = softplus(x);
  const [slope] = gradients(sum(y), [x]);
  const found = evaluate(createGraph({ y, ...(slope && { slope }) }), { x: { shape: x.shape, data: numbers } });

  it("is log(1 + exp(x)), of any size", () => {
    numbers.forEach((a, i) => expect(found["y"]?.data[i]).toBeCloseTo(a > 30 ? a : Math.log(1 + Math.exp(a)), 12));
  });

  it("has the sigmoid as its slope", () => {
    numbers.forEach((a, i) => expect(found["slope"]?.data[i]).toBeCloseTo(1 / (1 + Math.exp(-a)), 12));
  });

  it("is undone by its inverse", () => {
    for (const a of [1e-6, 1e-3, 0.1, 1, 10, 100]) {
      expect(Math.log1p(Math.exp(inverseSoftplus(a))) / a).toBeCloseTo(1, 9);
    }
  });
});
