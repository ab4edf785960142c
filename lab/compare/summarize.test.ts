import { describe, expect, it } from "vitest";
import { parseConfig } from "../../src/base/parse-config.ts";
import { at, comparisonOf, resultOf } from "./fixtures.ts";
import { comparisonSchema, lossCurve } from "./results.ts";
import { meanOf } from "./summarize.ts";
import { lengthTable, positionTable, tableTwo, toMarkdown } from "./tables.ts";

const BITS: Readonly<Record<string, number>> = { local: 3, "infini-linear": 2 };

describe("summarize", () => {
  it("has means over seeds with their errors, and fits its schema", async () => {
    const comparison = await comparisonOf(BITS);
    expect(parseConfig(comparisonSchema, JSON.parse(JSON.stringify(comparison)), "comparison")).toEqual(comparison);
    const [local, linear] = [at(comparison.systems, 0), at(comparison.systems, 1)];
    expect(local.bitsPerByte).toEqual({ mean: 3, count: 1 });
    expect(linear.bitsPerByte.mean).toBeCloseTo(2.1, 12);
    expect(linear.bitsPerByte.standardError).toBeCloseTo(0.1, 12);
    expect(at(linear.byPosition, 1)).toMatchObject({ from: 64, tokens: 80, bitsPerByte: { count: 2 } });
    expect(at(linear.byPosition, 1).bitsPerByte.mean).toBeCloseTo(1.1, 12);
    expect(linear.trainingTokensPerSecond.mean).toBeCloseTo(1024 / 30, 9);
    expect(comparison).toMatchObject({ missing: [], diverged: [], machines: [{ hardware: { cpu: "a CPU" } }] });
  });

  it("leaves out and names what is missing or diverged", async () => {
    const comparison = await comparisonOf(BITS, (run) => {
      if (run.system.name === "local") return undefined;
      const result = resultOf(run, 2);
      if (run.seed === 0) return result;
      const { hash, system, seed, learningRate, tokens, length, configHash } = result;
      return { hash, system, seed, learningRate, tokens, length, configHash, diverged: "step 3: the loss is NaN" };
    });
    expect(comparison.systems.map(({ name, bitsPerByte }) => [name, bitsPerByte])).toEqual([
      ["infini-linear", { mean: 2, count: 1 }],
    ]);
    expect(comparison.missing).toEqual(["local"]);
    expect(comparison.diverged).toEqual(["infini-linear, seed 1, learning rate 0.003: step 3: the loss is NaN"]);
  });
});

describe("tables", () => {
  it("match the paper: what is kept, the cache, the segment, perplexity", async () => {
    // 2 layers of 2 heads of 8: 8 * 9 * 2 * 2 numbers
    expect(toMarkdown(tableTwo(await comparisonOf(BITS))))
      .toBe(`| model | memory (comp.) | XL cache | segment | Books: perplexity | bits per byte |
| --- | --- | --- | --- | --- | --- |
| Local attention | none | none | 16 | 8.000 | 3.000 |
| Infini (Linear) | 288 (1.0x) | none | 16 | 4.297 ± 0.297 | 2.100 ± 0.100 |`);
  });

  it("have a column for each bin, and for each training length", async () => {
    const comparison = await comparisonOf(BITS);
    expect(positionTable(comparison)).toEqual({
      head: ["model", "0 to 64", "64 and more"],
      rows: [
        ["Local attention", "4.000", "2.000"],
        ["Infini (Linear)", "3.100 ± 0.100", "1.100 ± 0.100"],
      ],
    });
    expect(lengthTable(comparison)).toEqual({
      head: ["model", "trained on 32", "trained on 64"],
      rows: [["Infini (Linear)", "2.000", "2.000"]],
    });
  });
});

describe("meanOf", () => {
  it("has the error of the mean, and none for a single value", () => {
    expect(meanOf([1, 2, 3, 4])).toEqual({ mean: 2.5, standardError: Math.sqrt(5 / 3 / 4), count: 4 });
    expect(meanOf([7])).toEqual({ mean: 7, count: 1 });
    expect(() => meanOf([])).toThrow(RangeError);
  });
});

describe("lossCurve", () => {
  it("has means of equally many steps, the rest last", () => {
    expect(lossCurve([1, 2, 3, 4, 5], 10, 3)).toEqual([
      [20, 1.5],
      [40, 3.5],
      [50, 5],
    ]);
    expect(lossCurve([1, 2], 10)).toEqual([
      [10, 1],
      [20, 2],
    ]);
  });
});
