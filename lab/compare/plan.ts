import { configHash } from "./config-hash.ts";
import { parseRunConfig, type RunConfig } from "../../src/train/config.ts";
import { matchedSystem } from "./match-parameters.ts";
import type { RunResult } from "./results.ts";
import { MIXTURE, type Suite } from "./suites.ts";
import type { System } from "./systems.ts";

/** One training and what is measured about it. */
export interface PlannedRun {
  readonly system: System;
  readonly seed: number;
  readonly learningRate: number;
  /** Trained on, in whole steps. */
  readonly tokens: number;
  /** Of a training sequence. */
  readonly length: number;
  /** What is measured after training: only whether a learning rate is good, or everything. */
  readonly measure: "validation" | "test";
}

/** Share of the steps over which the learning rate rises. */
const WARMUP = 0.05;

/** The runs that choose a learning rate; none if there is only one. */
export function trialsOf(suite: Suite, system: System): PlannedRun[] {
  const { learningRates, searchShare, length, seeds } = suite;
  if (learningRates.length < 2) return [];
  const shared = { system, seed: seeds[0] ?? 0, length, tokens: suite.tokens * searchShare };
  return learningRates.map((learningRate) => ({ ...shared, learningRate, measure: "validation" }));
}

/**
 * The learning rate of the trial with the fewest bits per byte of validation text; the suite's only one if there was no
 * trial. None when all trials diverged.
 */
export function chooseLearningRate(
  trials: readonly RunResult[],
  { learningRates }: Pick<Suite, "learningRates">,
): number | undefined {
  const measured = trials.flatMap((trial) =>
    "diverged" in trial ? [] : [{ rate: trial.learningRate, bits: trial.validation.bitsPerByte }],
  );
  const best = measured.toSorted((a, b) => a.bits - b.bits)[0]?.rate;
  return trials.length === 0 ? learningRates[0] : best;
}

/** A run for each seed. */
export function finalsOf(suite: Suite, system: System, learningRate: number): PlannedRun[] {
  const { seeds, tokens, length } = suite;
  return (system.main ? seeds : seeds.slice(0, 1)).map((seed) => ({
    system,
    seed,
    learningRate,
    tokens,
    length,
    measure: "test",
  }));
}

/** Runs over lengths of training sequences; that of the suite's own length is one of {@link finalsOf}. */
export function lengthRunsOf(suite: Suite, system: System, learningRate: number): PlannedRun[] {
  const { lengths, tokens, seeds } = suite;
  if (!lengths.systems.includes(system.name)) return [];
  const shared = { system, seed: seeds[0] ?? 0, learningRate, tokens, measure: "test" } as const;
  return lengths.of.map((length) => ({ ...shared, length }));
}

/** The run config of a run. A step has the same number of tokens at every length. Throws ConfigError. */
export function runConfigOf({ model, batch, length }: Suite, run: PlannedRun): RunConfig {
  const steps = Math.max(2, Math.round(run.tokens / (batch * length)));
  const training = {
    steps,
    batch: Math.max(1, Math.round((batch * length) / run.length)),
    length: run.length,
    seed: run.seed,
    learningRate: run.learningRate,
    warmupSteps: Math.ceil(WARMUP * steps),
    checkpointEvery: 100,
    mixture: MIXTURE,
  };
  return parseRunConfig({ model: matchedSystem(run.system, model).config, training }, run.system.name);
}

/** Distinguishes trainings on other texts or with other configs. */
export function trainingHash(suite: Suite, run: PlannedRun, dataHash: string): string {
  return configHash({ config: runConfigOf(suite, run), dataHash });
}

/** Distinguishes runs with other trainings or other measurements. */
export function runHash(suite: Suite, run: PlannedRun, dataHash: string): string {
  const { validationBytes, testBytes, edges } = suite;
  const measured = run.measure === "test" ? { validationBytes, testBytes, edges } : { validationBytes };
  return configHash({ training: trainingHash(suite, run, dataHash), measured });
}

/** All runs of a system, with those that two experiments share only once; the learning rate is not known yet. */
export function runsOf(suite: Suite, system: System): PlannedRun[] {
  const lengths = lengthRunsOf(suite, system, 0).filter(({ length }) => length !== suite.length);
  return [...trialsOf(suite, system), ...finalsOf(suite, system, 0), ...lengths];
}

export interface SystemRuns {
  readonly system: System;
  readonly trials: readonly RunResult[];
  /** None if trials are missing, or all have diverged. */
  readonly learningRate?: number;
  readonly finals: readonly RunResult[];
  readonly lengths: readonly RunResult[];
  /** Whether all runs are there. */
  readonly complete: boolean;
}

/**
 * Goes through the runs of a system in order: a learning rate is tried, chosen, and used for the others. `perform`
 * returns the result of a run, or nothing to leave it out.
 */
export async function goThrough(
  suite: Suite,
  system: System,
  perform: (run: PlannedRun) => Promise<RunResult | undefined>,
): Promise<SystemRuns> {
  const all = async (runs: readonly PlannedRun[]): Promise<RunResult[]> => {
    const results: RunResult[] = [];
    for (const run of runs) results.push(...[await perform(run)].filter((result) => result !== undefined));
    return results;
  };
  const trialRuns = trialsOf(suite, system);
  const trials = await all(trialRuns);
  const learningRate = trials.length < trialRuns.length ? undefined : chooseLearningRate(trials, suite);
  if (learningRate === undefined) return { system, trials, finals: [], lengths: [], complete: false };
  const finalRuns = finalsOf(suite, system, learningRate);
  const lengthRuns = lengthRunsOf(suite, system, learningRate);
  const [finals, lengths] = [await all(finalRuns), await all(lengthRuns)];
  const complete = finals.length === finalRuns.length && lengths.length === lengthRuns.length;
  return { system, trials, learningRate, finals, lengths, complete };
}
