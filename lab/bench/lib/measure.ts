import { measureGemmRate } from "../../../src/engine/gemm-rate.ts";
import type { Engine } from "../../../src/engine/engine.ts";
import type { ContestResult, Quantity } from "./results.ts";

/** The readings of one turn, by quantity; a contestant may lack some. */
export type Readings = Readonly<Record<string, number>>;

/** Something that can be measured repeatedly, taking turns with others. */
export interface Contestant {
  readonly name: string;
  /** Numbers that contestants doing the same work agree on: losses, logits, or how far large results are from ours. */
  readonly computed?: readonly number[];
  /** One turn. */
  measure(): Promise<Readings>;
  stop?(): Promise<void>;
}

/** Contestants that take turns. */
export interface Contest {
  readonly title: string;
  readonly quantities: Readonly<Record<string, Quantity>>;
  /** Of matrix products, to compare the speed with the rate of a large product. */
  readonly flopsPerToken?: number;
  /** Created when the contest begins. The first is ours: ratios are relative to it. */
  contestants(): Promise<readonly Contestant[]>;
}

/** One of the things that `npm run bench` measures. */
export interface Benchmark {
  readonly name: string;
  /** What is done, in a sentence or two for the report. */
  readonly about: string;
  contests(setup: Setup): readonly Contest[];
}

/** What all benchmarks receive. */
export interface Setup {
  /** Tiny models and lengths, to check that everything runs. */
  readonly quick: boolean;
  /** A Python with torch and numpy. */
  readonly python: string;
  readonly engine: Engine;
  /** A folder for files that peers read. */
  readonly folder: string;
}

/**
 * Measures the contestants turn by turn, A B A B, so that a machine that slows down slows all of them. The rate of a
 * large matrix product is measured before each round. Contestants are always stopped at the end.
 */
export async function holdContest(
  { title, quantities, flopsPerToken, ...contest }: Contest,
  engine: Engine,
  rounds: number,
): Promise<ContestResult> {
  const contestants = await contest.contestants();
  const readings = contestants.map((): Record<string, number[]> => ({}));
  const gemmRates: number[] = [];
  try {
    for (let round = 0; round < rounds; round++) {
      gemmRates.push(await measureGemmRate(engine));
      for (const [i, contestant] of contestants.entries()) {
        for (const [name, value] of Object.entries(await contestant.measure()))
          (readings[i] ?? {})[name] = [...(readings[i]?.[name] ?? []), value];
      }
    }
  } finally {
    for (const { stop } of contestants) await stop?.();
  }
  return {
    title,
    quantities,
    ...(flopsPerToken !== undefined && { flopsPerToken }),
    gemmRates,
    rows: contestants.map(({ name, computed }, i) => ({
      name,
      ...(computed && { computed: [...computed] }),
      readings: readings[i] ?? {},
    })),
  };
}

/** Seconds that `work` takes. */
export async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

/** Tokens of `batch` lanes, lane by lane, as lanes. */
export function lanesOf(tokens: Int32Array, batch: number): Int32Array[] {
  const length = tokens.length / batch;
  return Array.from({ length: batch }, (_, lane) => tokens.subarray(lane * length, (lane + 1) * length));
}
