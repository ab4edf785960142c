import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OptionError } from "../base/errors.ts";
import { createRng, type Rng } from "../base/random.ts";
import { LogitsError, mostLikely, sampleToken, type SamplingOptions } from "./sampler.ts";

const probabilities = [0.1, 0.5, 0.05, 0.3, 0.05];
const logits = Float32Array.from(probabilities, (p) => Math.log(p) + 7);
const DRAWS = 20_000;

describe("mostLikely", () => {
  it("takes the largest, and the first of equals", () => {
    expect(mostLikely(Float32Array.of(-3, -1, -2))).toBe(1);
    expect(mostLikely(Float32Array.of(0, 4, 4, 1))).toBe(1);
    expect(mostLikely(Float32Array.of(-Infinity, -Infinity, -1e30))).toBe(2);
  });
});

describe.each<[string, (values: Float32Array) => number]>([
  ["mostLikely", mostLikely],
  ["sampleToken", (values) => sampleToken(values, { temperature: 1 }, createRng(0))],
])("%s", (_, choose) => {
  it.each<[string, number[], string]>([
    ["a NaN", [0, 1, NaN, 2], "the logit of token 2 is not a number"],
    ["NaN alone", [NaN, NaN], "the logit of token 0 is not a number"],
    [
      "nothing above -Infinity",
      [-Infinity, -Infinity],
      "the largest of 2 logits is -Infinity: they say nothing about the next token",
    ],
    ["+Infinity", [0, Infinity], "the largest of 2 logits is Infinity: they say nothing about the next token"],
    ["no logits", [], "the largest of 0 logits is -Infinity: they say nothing about the next token"],
  ])("refuses %s", (_case, values, problem) => {
    expect(() => choose(Float32Array.from(values))).toThrow(new LogitsError(problem));
  });
});

describe("sampleToken", () => {
  it.each<[string, SamplingOptions]>([
    ["by default", {}],
    ["at temperature 0, whatever the other options", { temperature: 0, topK: 3, topP: 0.9 }],
    ["with top-k 1", { temperature: 5, topK: 1 }],
    ["with a small top-p", { temperature: 1, topP: 0.4 }],
    ["at a temperature near 0", { temperature: 1e-300 }],
  ])("is greedy %s", (_, options) => {
    expect(draws(options, 200)).toEqual(Array(200).fill(1));
  });

  it.each<[string, SamplingOptions, readonly number[]]>([
    ["all tokens at temperature 1", { temperature: 1 }, probabilities],
    ["flatter at a high temperature", { temperature: 2 }, normalized(probabilities.map(Math.sqrt))],
    ["sharper at a low temperature", { temperature: 0.5 }, normalized(probabilities.map((p) => p ** 2))],
    ["the k most likely", { temperature: 1, topK: 3 }, normalized([0.1, 0.5, 0, 0.3, 0])],
    ["more than exist", { temperature: 1, topK: 99 }, probabilities],
    ["the most likely that reach a share", { temperature: 1, topP: 0.75 }, normalized([0, 0.5, 0, 0.3, 0])],
    ["a share after the temperature", { temperature: 0.5, topP: 0.75 }, normalized([0, 0.5 ** 2, 0, 0.3 ** 2, 0])],
    ["a share of the k most likely", { temperature: 1, topK: 2, topP: 0.6 }, [0, 1, 0, 0, 0]],
  ])("draws %s, in proportion", (_, options, expected) => {
    const counts = Array<number>(logits.length).fill(0);
    for (const token of draws(options, DRAWS)) counts[token] = (counts[token] ?? 0) + 1;
    expected.forEach((share, token) => {
      const deviation = Math.sqrt((share * (1 - share)) / DRAWS);
      expect(Math.abs((counts[token] ?? 0) / DRAWS - share)).toBeLessThanOrEqual(5 * deviation);
    });
  });

  it("draws what sorting all tokens would draw, from the same random number", () => {
    const value = fc.oneof(fc.double({ min: -9, max: 9, noNaN: true }), fc.constantFrom(0, 1, -1e30, -Infinity));
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 300 }),
        fc.record({
          temperature: fc.constantFrom(0.01, 0.5, 1, 3),
          topK: fc.constantFrom(1, 2, 7, 50, 1000),
          topP: fc.constantFrom(0.01, 0.3, 0.9, 0.999, 1),
        }),
        fc.nat(),
        (values, asked, seed) => {
          const some = Float32Array.from([...values, 0]);
          const rng = createRng(seed);
          for (let i = 0; i < 4; i++) {
            const uniform = rng.uniform();
            const fixed = { ...rng, uniform: () => uniform };
            expect(sampleToken(some, asked, fixed)).toBe(sampleBySorting(some, asked, fixed));
          }
        },
      ),
      { numRuns: 400 },
    );
  });

  it("spends no time sorting a large vocabulary", () => {
    const rng = createRng(1);
    const large = Float32Array.from({ length: 49_152 }, () => 3 * rng.normal());
    const plain = { temperature: 0.8 };
    for (const options of [plain, { ...plain, topK: 40 }, { ...plain, topP: 0.9 }]) {
      const seconds = Array.from({ length: 15 }, () => {
        const started = performance.now();
        sampleToken(large, options, rng);
        return performance.now() - started;
      });
      expect(seconds.toSorted((a, b) => a - b)[7]).toBeLessThan(10); // milliseconds; sorting took 26
    }
  });

  it("gives the same tokens for the same seed, others for another", () => {
    const options = { temperature: 1 };
    expect(draws(options, 50, 1)).toEqual(draws(options, 50, 1));
    expect(draws(options, 50, 1)).not.toEqual(draws(options, 50, 2));
  });

  it("stays within the k most likely, for any logits", () => {
    const values = fc.float32Array({ minLength: 1, maxLength: 30, noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(
        values,
        fc.integer({ min: 1, max: 9 }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        fc.nat(),
        (some, topK, topP, seed) => {
          const token = sampleToken(some, { temperature: 1, topK, topP }, createRng(seed));
          const above = some.filter((value) => value > (some[token] ?? NaN)).length;
          expect(above).toBeLessThan(topK);
        },
      ),
    );
  });

  it.each<[string, SamplingOptions, RegExp]>([
    ["a negative temperature", { temperature: -0.1 }, /temperature must be 0 or more, got -0\.1/],
    ["a temperature that is not a number", { temperature: NaN }, /temperature .* got NaN/],
    ["top-k 0", { topK: 0 }, /top-k must be a whole number of at least 1, got 0/],
    ["half a token", { topK: 1.5 }, /top-k .* got 1\.5/],
    ["top-p 0", { topP: 0 }, /top-p must be above 0 and at most 1, got 0/],
    ["top-p above 1", { topP: 1.1 }, /top-p .* got 1\.1/],
  ])("refuses %s", (_, options, problem) => {
    expect(() => draws(options, 1)).toThrow(OptionError);
    expect(() => draws(options, 1)).toThrow(problem);
  });
});

// --- internal ---

function draws(options: SamplingOptions, count: number, seed = 0): number[] {
  const rng = createRng(seed);
  return Array.from({ length: count }, () => sampleToken(logits, options, rng));
}

/** The definition, slowly: sort all tokens, take the first k, then the first of those that reach the share. */
function sampleBySorting(values: Float32Array, options: Required<SamplingOptions>, rng: Rng): number {
  const { temperature, topK, topP } = options;
  const order = [...values.keys()].toSorted((a, b) => (values[b] ?? 0) - (values[a] ?? 0) || a - b).slice(0, topK);
  const highest = values[order[0] ?? 0] ?? 0;
  const weights = order.map((token) => Math.exp(((values[token] ?? 0) - highest) / temperature));
  const total = (some: readonly number[]): number => some.reduce((sum, weight) => sum + weight, 0);
  let reached = 0;
  const last = weights.findIndex((weight) => (reached += weight) >= topP * total(weights));
  const kept = topP < 1 ? weights.slice(0, last + 1) : weights;
  let rest = rng.uniform() * total(kept);
  return order[kept.findIndex((weight) => (rest -= weight) < 0)] ?? -1;
}

function normalized(weights: readonly number[]): number[] {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}
