import { expect, it } from "vitest";
import { parseMetrics } from "./metrics.ts";
import { renderTrainingReport, smoothed } from "./training-report.ts";

it("smooths with means of neighbours, and keeps few points unchanged", () => {
  const points = Array.from({ length: 1000 }, (_, i) => [i + 1, i % 2] as const);
  const few = smoothed(points, 100);
  expect(few).toHaveLength(100);
  expect(few.every(([, y]) => y === 0.5)).toBe(true);
  expect(few.at(-1)?.[0]).toBe(1000);
  expect(smoothed(points.slice(0, 7), 100)).toEqual(points.slice(0, 7));
  expect(smoothed([])).toEqual([]);
});

it("reads only the complete lines of the metrics", () => {
  const step = { step: 1, loss: 2, gradientNorm: 1, learningRate: 0.1, tokensPerSecond: 9 };
  const validation = { kind: "validation", step: 1, bitsPerByte: 3 };
  const lines = [step, validation].map((line) => JSON.stringify(line));
  const damaged = ["", "null", "{}", "[1]", '{"step":2', '{"step":"2","loss":1}', '{"kind":"validation","step":2}'];
  expect(parseMetrics([...damaged, ...lines, ...damaged].join("\n"))).toEqual([step, validation]);
});

it.each([
  ["no step", []],
  ["one step, at almost no rate", [{ step: 1, loss: 2, gradientNorm: 1, learningRate: 1e-30, tokensPerSecond: 9 }]],
  ["a validation alone", [{ kind: "validation" as const, step: 1, bitsPerByte: 3 }]],
])("draws a run of %s", async (_, lines) => {
  expect((await renderTrainingReport("<run>", lines)).match(/<svg/g)).toHaveLength(2);
});
