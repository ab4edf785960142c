import { maximum } from "../../../src/base/statistics.ts";
import type { ContestResult, Quantity, RowResult } from "./results.ts";

/** The middle of some values, and their spread. */
export interface Summary {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

/** Median, lowest and highest; throws `RangeError` for no values. */
export function summarize(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b);
  const [lowest, highest] = [sorted[0], sorted.at(-1)];
  const middle = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  if (lowest === undefined || highest === undefined) throw new RangeError("there are no values to summarize");
  return { lowest, highest, median: middle.reduce((sum: number, value) => sum + (value ?? 0), 0) / 2 };
}

/**
 * How many times better the first row of a contest is than another: the median over the rounds, each of which compares
 * consecutive turns. Undefined where one of them lacks the quantity.
 */
export function ratioTo({ rows, quantities }: ContestResult, row: RowResult, quantity: string): number | undefined {
  const [ours, theirs] = [rows[0]?.readings[quantity], row.readings[quantity]];
  const better: Quantity["better"] | undefined = quantities[quantity]?.better;
  if (!ours || !theirs) return undefined;
  const ratios = ours.map((value, round) => value / (theirs[round] ?? Number.NaN));
  return summarize(better === "lower" ? ratios.map((ratio) => 1 / ratio) : ratios).median;
}

/**
 * The largest difference between what a row has computed and what the first has; undefined where either has computed
 * nothing to compare.
 */
export function disagreement({ rows }: ContestResult, { computed }: RowResult): number | undefined {
  const ours = rows[0]?.computed;
  if (!ours || !computed) return undefined;
  if (computed.length !== ours.length) return Infinity;
  return maximum(computed.map((value, i) => Math.abs(value - (ours[i] ?? Number.NaN))));
}

/** Share of the rate of a large product that a row reaches, for contests of tokens per second that state their work. */
export function shareOfGemm({ flopsPerToken, gemmRates }: ContestResult, row: RowResult): number | undefined {
  const speeds = row.readings["speed"];
  if (flopsPerToken === undefined || !speeds) return undefined;
  return summarize(speeds.map((speed, round) => (speed * flopsPerToken) / (gemmRates[round] ?? Number.NaN))).median;
}

/** Two that do the same work in single precision differ by less. */
const AGREEMENT = 1e-3;

/** A warning for each row whose results differ from those of the first. */
export function checkAgreement(contest: ContestResult): string[] {
  return contest.rows.flatMap((row) => {
    const difference = disagreement(contest, row) ?? 0;
    if (difference <= AGREEMENT) return [];
    return `${contest.title}: ${row.name} differs from ${contest.rows[0]?.name} by ${difference.toPrecision(2)}: it is not the same work`;
  });
}
