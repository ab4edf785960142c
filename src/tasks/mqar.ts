import { OptionError } from "../base/errors.ts";
import { z } from "zod";
import type { Rng } from "../base/random.ts";
import type { Task } from "./task.ts";

/** Changes when the same options and seed give a different sequence from before. */
export const MQAR_VERSION = 1;

/** The label of a token that is not asked about. */
export const NO_LABEL = -100;

/** Tokens of a sequence, without filler, and the pairs in it. */
export interface MqarSize {
  readonly length: number;
  readonly pairs: number;
}

/** The sizes of the literature, as in HazyResearch/zoology, `zoology/experiments/paper_configs`. */
export const MQAR_SIZES = {
  /** Figure 2 of Zoology (arXiv 2312.04927): one model each, with `randomNonQueries: false`. */
  zoology: sizes([64, 4], [128, 8], [256, 16], [512, 64]),
  /** What Based (arXiv 2402.18668) trains on, figure 2: 100,000 sequences of the first size, 20,000 of each other. */
  basedTraining: sizes([64, 4], [128, 8], [256, 16], [256, 32], [256, 64]),
  /** What Based is tested on, figure 2: 1,000 sequences of each size. */
  basedTest: sizes([64, 4], [64, 8], [64, 16], [128, 32], [256, 64], [512, 128], [1024, 256]),
} as const;

const DEFAULTS = { vocabulary: 8192, power: 0.01, passes: 1, randomNonQueries: true, distance: 0 };

/** The shape of a sequence, apart from random draws. */
export interface MqarShape {
  /** L: tokens of the sequence, filler included. Even. */
  readonly length: number;
  /** Keys, each with its own value and asked for once. */
  readonly pairs: number;
  /** V: keys are drawn from [1, V/2), values from [V/2, V). Default 8,192. */
  readonly vocabulary?: number;
  /** a: the i-th place of a query is drawn in proportion to i^(a - 1); 1 is uniform. Default 0.01. */
  readonly power?: number;
  /** How many times the pairs are stated. Default 1. */
  readonly passes?: number;
  /**
   * Whether tokens outside pairs and queries are random, from the whole vocabulary; otherwise they are 0. Default true.
   */
  readonly randomNonQueries?: boolean;
  /**
   * Tokens of filler between the pairs and the part with the queries: none is a key or a value of the sequence.
   * Even. Default 0; the definition has none.
   */
  readonly distance?: number;
}

export interface MqarOptions extends MqarShape {
  readonly rng: Rng;
}

export interface MqarExample {
  readonly inputs: Int32Array; // [L]
  /** At a query the value of its key, {@link NO_LABEL} elsewhere. */
  readonly labels: Int32Array; // [L]
  /** Index of the first token that may be a query: all before are pairs and filler. */
  readonly queries: number;
}

/**
 * Multi-query associative recall as in HazyResearch/zoology, `zoology/data/multiquery_ar.py`: the pairs
 * `k1 v1 k2 v2 ..`, then every key once more, at even places, near ones more often than far ones. The answer to a
 * query is due at the query itself: what comes after it in the sequence is the next query or noise.
 *
 * Throws `OptionError` when the sequence has no room: L must be even and 2 * pairs * (passes + 1) at most
 * L - distance, which in turn must be less than V.
 */
export function mqarExample(options: MqarOptions): MqarExample {
  const problem = mqarProblem(options);
  if (problem !== undefined) throw new OptionError(problem);
  const { rng } = options;
  const { length, pairs, vocabulary, power, passes, randomNonQueries, distance } = withDefaults(options);
  const half = Math.floor(vocabulary / 2);
  const keys = drawDistinct(pairs, 1, half, rng);
  const values = drawDistinct(pairs, half, vocabulary, rng);
  const inputs = new Int32Array(length);
  const labels = new Int32Array(length).fill(NO_LABEL);
  const told = keys.flatMap((key, i) => [key, values[i] ?? 0]);
  for (let pass = 0; pass < passes; pass++) inputs.set(told, pass * told.length);
  const fillerStart = told.length * passes;
  const queries = fillerStart + distance;
  drawPlaces(pairs, (length - queries) / 2, power, rng).forEach((place, i) => {
    inputs[queries + 2 * place] = keys[i] ?? 0;
    labels[queries + 2 * place] = values[i] ?? 0;
  });
  if (randomNonQueries) {
    const used = new Set(told);
    for (let i = fillerStart; i < queries; i++) inputs[i] = drawOther(vocabulary, used, rng);
    for (let i = queries; i < length; i++) inputs[i] ||= rng.integer(vocabulary);
  }
  return { inputs, labels, queries };
}

/** Why there is no sequence of this shape, or none for a model with that vocabulary; undefined if there is one. */
export function mqarProblem(shape: MqarShape, vocabularySize = Infinity): string | undefined {
  const { length, pairs, vocabulary, power, passes, distance } = withDefaults(shape);
  const whole = { length, pairs, vocabulary, passes, distance };
  for (const [name, value] of Object.entries(whole)) {
    const least = name === "distance" ? 0 : 1;
    if (!(Number.isInteger(value) && value >= least))
      return `the ${name} of mqar must be a whole number of at least ${least}, got ${value}`;
  }
  if (!(power > 0 && power < Infinity)) return `the power of mqar must be above 0, got ${power}`;
  if (length % 2 !== 0) return `the length of mqar must be even, got ${length}`;
  if (distance % 2 !== 0) return `the distance of mqar must be even, got ${distance}`;
  const room = length - distance;
  const needed = 2 * pairs * (passes + 1);
  const given = `${length} tokens${distance > 0 ? `, ${distance} of which are filler` : ""}`;
  if (needed > room) return `mqar with ${pairs} pairs needs ${needed} tokens without filler, got ${given}`;
  if (vocabulary <= room)
    return `the vocabulary of mqar must be larger than the sequence without filler: got ${vocabulary} for ${given}`;
  if (vocabulary > vocabularySize)
    return `mqar has a vocabulary of ${vocabulary} tokens, but the model has one of ${vocabularySize}`;
  return undefined;
}

const size = z.int().positive();
const filler = z.int().nonnegative();
const schema = z.strictObject({
  task: z.literal("mqar"),
  share: z.number().nonnegative(),
  /** One of these is drawn for each sequence. */
  pairs: z.array(size).min(1).default([4, 8, 16, 32, 64]),
  /** The model's must be at least as large. */
  vocabulary: size.default(DEFAULTS.vocabulary),
  /** Tokens of filler between pairs and queries; one of a list is drawn for each sequence. */
  distance: z.union([filler, z.array(filler).min(1)]).default(DEFAULTS.distance),
  power: z.number().positive().default(DEFAULTS.power),
  passes: size.default(DEFAULTS.passes),
  randomNonQueries: z.boolean().default(DEFAULTS.randomNonQueries),
});

/** Trains the memory to keep many pairs at once. Only the answers count in the loss. */
export const mqarTask: Task<typeof schema> = {
  schema,
  readsText: () => false,
  writesText: false, // its tokens are numbers
  scored: ({ pairs }) => Math.max(...pairs),

  problem(part, { length, vocabularySize }) {
    return part.pairs
      .flatMap((pairs) => distancesOf(part).map((distance) => ({ ...part, length, pairs, distance })))
      .map((shape) => mqarProblem(shape, vocabularySize))
      .find((problem) => problem !== undefined);
  },

  draw(part, { length, rng }) {
    const [pairs, distance] = [drawOne(part.pairs, rng), drawOne(distancesOf(part), rng)];
    const { inputs, labels } = mqarExample({ ...part, length, pairs, distance, rng });
    return {
      tokens: inputs,
      targets: labels.map((label) => (label === NO_LABEL ? 0 : label)),
      weights: Float32Array.from(labels, (label) => (label === NO_LABEL ? 0 : 1)),
    };
  },
};

// --- internal ---

function sizes(...all: readonly (readonly [length: number, pairs: number])[]): readonly MqarSize[] {
  return all.map(([length, pairs]) => ({ length, pairs }));
}

function withDefaults(shape: MqarShape): Required<MqarShape> {
  return { ...DEFAULTS, ...shape };
}

function distancesOf({ distance }: { readonly distance: number | readonly number[] }): readonly number[] {
  return typeof distance === "number" ? [distance] : distance;
}

function drawOne(values: readonly number[], rng: Rng): number {
  return values[rng.integer(values.length)] ?? 0;
}

/** Different whole numbers of [low, high), all orders equally likely: repeats are drawn again. */
function drawDistinct(count: number, low: number, high: number, rng: Rng): readonly number[] {
  const drawn = new Set<number>();
  while (drawn.size < count) drawn.add(low + rng.integer(high - low));
  return [...drawn];
}

/** A token that is not among those used. */
function drawOther(vocabulary: number, used: ReadonlySet<number>, rng: Rng): number {
  for (;;) {
    const token = rng.integer(vocabulary);
    if (!used.has(token)) return token;
  }
}

/**
 * Different places in [0, space), drawn one by one with p_i proportional to (i + 1)^(power - 1) among those that are
 * left. NumPy's `choice(replace=False, p=p)` draws several at a time and leaves out repeats, which is equivalent: both
 * give the first appearances in an endless sequence of draws with replacement. Here it is a race: place i arrives after
 * an exponential time of rate p_i. The first to arrive is i with probability p_i / sum(p), and since waiting has no
 * memory, the same holds for the others.
 */
function drawPlaces(count: number, space: number, power: number, rng: Rng): readonly number[] {
  const arrivals = Array.from({ length: space }, (_, place) => ({
    place,
    time: -Math.log(1 - rng.uniform()) / (place + 1) ** (power - 1),
  }));
  return arrivals
    .toSorted((a, b) => a.time - b.time)
    .slice(0, count)
    .map(({ place }) => place);
}
