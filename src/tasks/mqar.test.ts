import { OptionError } from "../base/errors.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRng } from "../base/random.ts";
import type { Batch } from "../train/data/batch.ts";
import { createBatches } from "../train/data/batches.ts";
import { mixtureProblem, mixtureSchema, type Mixture } from "../train/data/mixture.ts";
import { MQAR_SIZES, MQAR_VERSION, mqarExample, NO_LABEL, type MqarExample, type MqarShape } from "./mqar.ts";

/** Valid shapes, starting with the smallest. */
const shapes = fc
  .record({
    pairs: fc.integer({ min: 1, max: 20 }),
    passes: fc.integer({ min: 1, max: 3 }),
    halfDistance: fc.nat(20),
    spare: fc.nat(20),
    surplus: fc.integer({ min: 1, max: 60 }),
    power: fc.constantFrom(0.01, 0.3, 1, 2),
    randomNonQueries: fc.boolean(),
  })
  .map(({ pairs, passes, halfDistance, spare, surplus, power, randomNonQueries }) => {
    const room = 2 * pairs * (passes + 1) + 2 * spare;
    const distance = 2 * halfDistance;
    return { pairs, passes, power, randomNonQueries, distance, length: room + distance, vocabulary: room + surplus };
  });

describe("mqarExample", () => {
  it("matches its definition, at every size", () => {
    fc.assert(
      fc.property(shapes, fc.integer(), (shape, seed) => {
        checkExample(mqarExample({ ...shape, rng: createRng(seed) }), shape);
      }),
    );
  });

  it.each(Object.entries(MQAR_SIZES).flatMap(([name, sizes]) => sizes.map((size) => ({ name, ...size }))))(
    "has the size of $name with $pairs pairs in $length tokens",
    (size) => {
      const defaults = { vocabulary: 8192, power: 0.01, passes: 1, randomNonQueries: true, distance: 0 };
      const example = mqarExample({ ...size, rng: createRng(2) });
      checkExample(example, { ...defaults, ...size });
      expect(mqarExample({ ...defaults, ...size, rng: createRng(2) })).toEqual(example);
    },
  );

  it("draws places one by one, in proportion to i^(power - 1) among those that are left", () => {
    for (const power of [0.01, 0.5, 1]) {
      // Three queries in six places: 120 ways, each with a probability that is easily written down.
      const [pairs, space, runs] = [3, 6, 20_000];
      const weights = Array.from({ length: space }, (_, i) => (i + 1) ** (power - 1));
      const seen = countBy(runs, (rng) => placesOf(mqarExample({ length: 18, pairs, vocabulary: 19, power, rng })));
      const ways = arrangements(weights, pairs);
      expect(ways.length).toBe(120);
      for (const { places, probability } of ways) expectShare(seen.get(String(places)) ?? 0, runs, probability);
    }
  });

  it("places queries like a plain simulation of the draws, and near more often than far", () => {
    const [pairs, space, runs] = [8, 24, 3000];
    const weights = Array.from({ length: space }, (_, i) => 0.01 * (i + 1) ** (0.01 - 1));
    const ours = Array<number>(space).fill(0);
    const plain = Array<number>(space).fill(0);
    for (let run = 0; run < runs; run++) {
      const rng = createRng(run);
      const example = mqarExample({ length: 64, pairs, vocabulary: 80, rng: rng.fork("ours") });
      for (const place of placesOf(example)) ours[place] = (ours[place] ?? 0) + 1;
      const uniform = rng.fork("plain").uniform;
      for (const place of drawPlainly(weights, pairs, uniform)) plain[place] = (plain[place] ?? 0) + 1;
    }
    ours.forEach((count, place) => expect(Math.abs(count - (plain[place] ?? 0)) / runs).toBeLessThan(0.06));
    expect(ours[0]).toBeGreaterThan(1.5 * (ours[7] ?? 0));
    expect(ours[7]).toBeGreaterThan(1.5 * (ours[23] ?? 0));
  });

  it("draws every key and every value as often as any other", () => {
    const runs = 6000;
    const count = (position: number): ReadonlyMap<string, number> =>
      countBy(runs, (rng) => mqarExample({ length: 8, pairs: 2, vocabulary: 12, rng }).inputs[position]);
    for (const position of [0, 1, 2, 3]) {
      const expected = position % 2 === 0 ? [1, 2, 3, 4, 5] : [6, 7, 8, 9, 10, 11];
      const seen = count(position);
      expect(seen.size).toBe(expected.length);
      for (const token of expected) expectShare(seen.get(String(token)) ?? 0, runs, 1 / expected.length);
    }
  });

  it("has noise of the whole vocabulary between the queries", () => {
    const noise = new Set<number>();
    for (let seed = 0; seed < 300; seed++) {
      const { inputs, labels, queries } = mqarExample({ length: 10, pairs: 1, vocabulary: 12, rng: createRng(seed) });
      inputs.forEach((token, i) => i >= queries && labels[i] === NO_LABEL && noise.add(token));
    }
    expect([...noise].toSorted((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, token) => token));
  });

  it("depends only on its source of random numbers, in this version", () => {
    const draw = (seed: number): MqarExample =>
      mqarExample({ length: 16, pairs: 2, vocabulary: 20, distance: 2, rng: createRng(seed) });
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    const { inputs, labels } = draw(1);
    // A change of these tokens needs a change of the version too.
    expect(MQAR_VERSION).toBe(1);
    expect([...inputs]).toEqual([8, 17, 6, 12, 14, 14, 7, 3, 16, 3, 8, 5, 14, 6, 6, 7]);
    expect([...labels]).toEqual([...Array(10).fill(NO_LABEL), 17, ...Array(3).fill(NO_LABEL), 12, NO_LABEL]);
  });

  it.each<[string, Partial<MqarShape>, string]>([
    ["an odd length", { length: 65 }, "the length of mqar must be even, got 65"],
    ["half a token", { length: 64.5 }, "the length of mqar must be a whole number of at least 1, got 64.5"],
    ["no pairs", { pairs: 0 }, "the pairs of mqar must be a whole number of at least 1, got 0"],
    ["no passes", { passes: 0 }, "the passes of mqar must be a whole number of at least 1, got 0"],
    ["a vocabulary that is not a number", { vocabulary: Number.NaN }, "the vocabulary of mqar must be a whole number"],
    ["no power", { power: 0 }, "the power of mqar must be above 0, got 0"],
    ["a negative distance", { distance: -2 }, "the distance of mqar must be a whole number of at least 0, got -2"],
    ["an odd distance", { distance: 3 }, "the distance of mqar must be even, got 3"],
    ["too many pairs", { pairs: 17 }, "mqar with 17 pairs needs 68 tokens without filler, got 64 tokens"],
    ["too many passes", { pairs: 11, passes: 2 }, "mqar with 11 pairs needs 66 tokens without filler, got 64 tokens"],
    [
      "too much filler",
      { pairs: 16, distance: 2 },
      "mqar with 16 pairs needs 64 tokens without filler, got 64 tokens, 2 of which are filler",
    ],
    [
      "a vocabulary as large as the sequence",
      { vocabulary: 64 },
      "the vocabulary of mqar must be larger than the sequence without filler: got 64 for 64 tokens",
    ],
  ])("refuses %s", (_, changes, problem) => {
    expect(() => mqarExample({ length: 64, pairs: 4, ...changes, rng: createRng(0) })).toThrow(OptionError);
    expect(() => mqarExample({ length: 64, pairs: 4, ...changes, rng: createRng(0) })).toThrow(problem);
  });
});

describe("the mqar task", () => {
  it("has the values as targets at the queries, which have all the weight", () => {
    const mixture = mixtureSchema.parse([
      { task: "mqar", share: 1, pairs: [2, 5], vocabulary: 50, distance: [0, 8], passes: 2 },
    ]);
    const starts = new Set<number>();
    const lanes = lanesOf(batchOf(mixture, 60, 40));
    for (const { tokens, targets, weights } of lanes) {
      const asked = [...weights.keys()].filter((i) => weights[i] !== 0);
      expect([2, 5]).toContain(asked.length);
      const known = pairsIn(tokens, asked.length, 2);
      for (const i of asked) {
        expect(weights[i]).toBe(1);
        expect(targets[i]).toBe(known.get(tokens[i] ?? -1));
      }
      expect(targets.filter((target, i) => weights[i] === 0 && target !== 0)).toEqual(new Int32Array());
      expect(new Set(asked.map((i) => tokens[i]))).toEqual(new Set(known.keys()));
      starts.add(asked.length * 100 + (asked[0] ?? 0));
    }
    // Of both numbers of pairs and both distances: a query may come 8 and 16 tokens in, or 20 and 28.
    expect(lanes.filter(({ weights }) => weights.filter(Boolean).length === 2).length).toBeGreaterThan(15);
    expect([...starts]).toEqual(expect.arrayContaining([208, 216, 520, 528]));
  });

  it("mixes with other tasks, whose targets are the tokens one later", () => {
    const mixture = mixtureSchema.parse([
      { task: "copy", share: 1 },
      { task: "mqar", share: 1, pairs: [4], vocabulary: 300 },
    ]);
    const lanes = lanesOf(batchOf(mixture, 20, 64));
    const shifted = lanes.filter(
      ({ tokens, targets }) => String(tokens.subarray(1)) === String(targets.subarray(0, -1)),
    );
    expect(shifted.length).toBeGreaterThan(3);
    expect(shifted.length).toBeLessThan(17);
  });

  it("has the sizes that Based trains on, and the rest of the definition, by default", () => {
    const [part] = mixtureSchema.parse([{ task: "mqar", share: 1 }]);
    const definition = { vocabulary: 8192, distance: 0, power: 0.01, passes: 1, randomNonQueries: true };
    const pairs = [...new Set(MQAR_SIZES.basedTraining.map((size) => size.pairs))];
    expect(part).toEqual({ task: "mqar", share: 1, pairs, ...definition });
  });

  it.each<[string, object]>([
    ["no pairs to draw from", { pairs: [] }],
    ["a number of pairs that is not a list", { pairs: 4 }],
    ["no distance to draw from", { distance: [] }],
    ["a negative distance", { distance: [0, -2] }],
    ["no power", { power: 0 }],
    ["a misspelt key", { distances: 4 }],
  ])("refuses %s", (_, changes) => {
    expect(mixtureSchema.safeParse([{ task: "mqar", share: 1, ...changes }]).success).toBe(false);
  });

  it("reports what does not fit, for every size that may be drawn, from every part", () => {
    const problem = (changes: object, length = 64, vocabularySize = 8192): string | undefined => {
      const part = { task: "mqar", share: 1, pairs: [4, 8, 16], ...changes };
      const mixture = mixtureSchema.parse([{ task: "text", share: 1 }, part]);
      return mixtureProblem(mixture, { length, vocabularySize });
    };
    expect(problem({})).toBeUndefined();
    expect(problem({}, 62)).toBe("mqar with 16 pairs needs 64 tokens without filler, got 62 tokens");
    expect(problem({ distance: [0, 2] })).toMatch("got 64 tokens, 2 of which are filler");
    expect(problem({ distance: 3 })).toMatch("must be even");
    expect(problem({}, 64, 256)).toBe("mqar has a vocabulary of 8192 tokens, but the model has one of 256");
    expect(problem({ share: 0 }, 62, 256)).toBeUndefined();
  });
});

// --- internal ---

/** The definition, read backwards: from the sequence to what it must have been made from. */
function checkExample({ inputs, labels, queries }: MqarExample, shape: Required<MqarShape>): void {
  const { length, pairs, passes, distance, vocabulary, randomNonQueries } = shape;
  expect([inputs.length, labels.length, queries]).toEqual([length, length, 2 * pairs * passes + distance]);
  expect(inputs.every((token) => token >= 0 && token < vocabulary)).toBe(true);
  const known = pairsIn(inputs, pairs, passes);
  expect([known.size, new Set(known.values()).size]).toEqual([pairs, pairs]);
  for (const [key, value] of known) {
    expect(key >= 1 && key < Math.floor(vocabulary / 2)).toBe(true);
    expect(value >= Math.floor(vocabulary / 2) && value < vocabulary).toBe(true);
  }
  const told = new Set([...known.keys(), ...known.values()]);
  const filler = inputs.subarray(2 * pairs * passes, queries);
  expect(filler.some((token) => told.has(token) || (!randomNonQueries && token !== 0))).toBe(false);
  const asked = [...labels.keys()].filter((i) => labels[i] !== NO_LABEL);
  expect(asked.every((i) => i >= queries && (i - queries) % 2 === 0)).toBe(true);
  expect(asked.map((i) => inputs[i]).toSorted()).toEqual([...known.keys()].toSorted());
  for (const i of asked) expect(labels[i]).toBe(known.get(inputs[i] ?? -1));
  const rest = inputs.filter((_, i) => i >= queries && labels[i] === NO_LABEL);
  if (!randomNonQueries) expect(rest.every((token) => token === 0)).toBe(true);
}

/** The dictionary that a sequence begins with, repeated identically. */
function pairsIn(inputs: Int32Array, pairs: number, passes: number): ReadonlyMap<number, number> {
  const known = new Map<number, number>();
  for (let i = 0; i < 2 * pairs * passes; i += 2) {
    const [key, value] = [inputs[i] ?? -1, inputs[i + 1] ?? -1];
    expect(known.get(key) ?? value).toBe(value);
    if (i >= 2 * pairs) expect(inputs[i]).toBe(inputs[i - 2 * pairs]);
    known.set(key, value);
  }
  return known;
}

/** Where the first key is asked for, the second and so on. */
function placesOf({ inputs, labels, queries }: MqarExample): number[] {
  const asked = [...labels.keys()].filter((i) => labels[i] !== NO_LABEL);
  const keys = asked.map((_, i) => inputs[2 * i]);
  return keys.map((key) => ((asked.find((i) => inputs[i] === key) ?? -1) - queries) / 2);
}

function countBy(runs: number, draw: (rng: ReturnType<typeof createRng>) => unknown): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (let run = 0; run < runs; run++) {
    const name = String(draw(createRng(run)));
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

/** A share of a number of runs that lies within five standard deviations of the expected one. */
function expectShare(count: number, runs: number, probability: number): void {
  const deviation = Math.sqrt((probability * (1 - probability)) / runs);
  expect(Math.abs(count / runs - probability)).toBeLessThan(5 * deviation);
}

/** Every way to draw `count` places one by one, and its probability. */
function arrangements(
  weights: readonly number[],
  count: number,
  before: readonly number[] = [],
): readonly { readonly places: readonly number[]; readonly probability: number }[] {
  if (before.length === count) return [{ places: before, probability: 1 }];
  const left = [...weights.keys()].filter((place) => !before.includes(place));
  const total = left.reduce((sum, place) => sum + (weights[place] ?? 0), 0);
  return left.flatMap((place) =>
    arrangements(weights, count, [...before, place]).map(({ places, probability }) => ({
      places,
      probability: (probability * (weights[place] ?? 0)) / total,
    })),
  );
}

/** Places drawn one by one by walking along the weights of those that are left. */
function drawPlainly(weights: readonly number[], count: number, uniform: () => number): number[] {
  const left = new Map(weights.entries());
  return Array.from({ length: count }, () => {
    let rest = uniform() * [...left.values()].reduce((sum, weight) => sum + weight, 0);
    const [place = -1] = [...left].find(([, weight]) => (rest -= weight) < 0) ?? [...left].at(-1) ?? [];
    left.delete(place);
    return place;
  });
}

function batchOf(mixture: Mixture, batch: number, length: number): Batch {
  return createBatches({ mixture, documents: [], batch, length, seed: 3 }).at(0);
}

function lanesOf({ tokens, targets, weights }: Batch) {
  const [lanes = 0, length = 0] = tokens.shape;
  return Array.from({ length: lanes }, (_, lane) => {
    const [from, to] = [lane * length, (lane + 1) * length];
    return {
      tokens: tokens.data.subarray(from, to),
      targets: targets.data.subarray(from, to),
      weights: weights.data.subarray(from, to),
    };
  });
}
