import { keyValueCacheBytes } from "../../src/model/cost.ts";
import { matchedSystem } from "./match-parameters.ts";
import type { SystemRuns } from "./plan.ts";
import type { Comparison, Mean, MeasuredRun, RunResult, SystemResult } from "./results.ts";
import type { Suite } from "./suites.ts";
import { keptNumbers } from "./systems.ts";

/** All results of a suite combined: means over seeds, and what is missing. */
export function summarize(suite: Suite, texts: Comparison["texts"], systems: readonly SystemRuns[]): Comparison {
  const runs = systems.flatMap(({ trials, finals, lengths }) => [...trials, ...finals, ...lengths]);
  const machines = measured(runs).map(({ machine }) => machine);
  return {
    suite: suite.name,
    title: suite.title,
    texts,
    tokens: suite.tokens,
    length: suite.length,
    searchShare: suite.searchShare,
    learningRates: [...suite.learningRates],
    systems: systems.flatMap((found) => summarizeSystem(suite, found) ?? []),
    lengths: systems.flatMap(({ system: { name, label }, lengths }) =>
      tested(lengths).map(({ length, hash, test: { bitsPerByte, perplexity } }) => ({
        system: name,
        label,
        length,
        hash,
        bitsPerByte,
        perplexity,
      })),
    ),
    missing: systems.filter(({ complete }) => !complete).map(({ system }) => system.name),
    diverged: runs.flatMap((run) =>
      "diverged" in run ? [`${run.system}, seed ${run.seed}, learning rate ${run.learningRate}: ${run.diverged}`] : [],
    ),
    machines: [...new Map(machines.map((machine) => [JSON.stringify(machine), machine])).values()],
  };
}

/** Mean of some values, with its standard error where there are two or more. Throws RangeError for none. */
export function meanOf(values: readonly number[]): Mean {
  const count = values.length;
  if (count === 0) throw new RangeError("there is no mean of nothing");
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  if (count < 2) return { mean, count };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  return { mean, standardError: Math.sqrt(variance / count), count };
}

// --- internal ---

type TestedRun = MeasuredRun & { readonly test: NonNullable<MeasuredRun["test"]> };

function measured(runs: readonly RunResult[]): MeasuredRun[] {
  return runs.filter((run): run is MeasuredRun => !("diverged" in run));
}

function tested(runs: readonly RunResult[]): TestedRun[] {
  return measured(runs).filter((run): run is TestedRun => run.test !== undefined);
}

/** Nothing if no run was measured on test text. */
function summarizeSystem(suite: Suite, { system, trials, learningRate, finals }: SystemRuns): SystemResult | undefined {
  const runs = tested(finals);
  const [first] = runs;
  if (!first || learningRate === undefined) return undefined;
  const { config, parameters, deviation } = matchedSystem(system, suite.model);
  const mean = (value: (run: TestedRun) => number): Mean => meanOf(runs.map(value));
  const resident = runs.flatMap(({ training }) => training.residentBytes ?? []);
  return {
    name: system.name,
    label: system.label,
    model: config,
    parameters,
    deviation,
    keptNumbers: keptNumbers(system, config),
    cacheLength: system.cacheLength?.(config) ?? 0,
    stateBytes: first.stateBytes,
    keyValueBytesPerToken: keyValueCacheBytes(config, 1),
    learningRate,
    trials: trials.map((trial) => ({
      learningRate: trial.learningRate,
      ...(!("diverged" in trial) && { bitsPerByte: trial.validation.bitsPerByte }),
    })),
    bitsPerByte: mean(({ test }) => test.bitsPerByte),
    perplexity: mean(({ test }) => test.perplexity),
    byPosition: first.test.byPosition.map((bin, i) => ({
      ...bin,
      bitsPerByte: mean(({ test }) => test.byPosition[i]?.bitsPerByte ?? NaN),
    })),
    trainingTokensPerSecond: mean(({ training }) => training.tokens / training.minutes / 60),
    streamingTokensPerSecond: mean(({ test }) => test.tokensPerSecond),
    ...(resident.length > 0 && { residentBytes: Math.min(...resident) }),
    loss: first.training.loss,
    gates: first.gates,
    runs: runs.map(({ seed, hash, configHash, test, validation, training }) => ({
      seed,
      hash,
      configHash,
      bitsPerByte: test.bitsPerByte,
      perplexity: test.perplexity,
      validationBitsPerByte: validation.bitsPerByte,
      minutes: training.minutes,
      trainedTokens: training.tokens,
    })),
  };
}
