import type { RunConfig } from "../../src/train/config.ts";
import { goThrough, runConfigOf, type PlannedRun } from "./plan.ts";
import type { Comparison, MeasuredRun, RunResult } from "./results.ts";
import { smokeOf, SUITES, type Suite } from "./suites.ts";
import { summarize } from "./summarize.ts";
import { SYSTEMS, type System } from "./systems.ts";

/** The first suite in its small form. */
export const suite: Suite = smokeOf(at(SUITES, 0));

export function systemOf(name: string): System {
  const system = SYSTEMS.find((candidate) => candidate.name === name);
  if (!system) throw new RangeError(`there is no system ${name}`);
  return system;
}

/** The result of a run that predicts text this well, everywhere in a document. */
export function resultOf(run: PlannedRun, bitsPerByte: number): MeasuredRun {
  const config: RunConfig = runConfigOf(suite, run);
  return {
    hash: `${run.system.name} ${run.seed} ${run.learningRate} ${run.length} ${run.measure}`,
    system: run.system.name,
    seed: run.seed,
    learningRate: run.learningRate,
    tokens: run.tokens,
    length: run.length,
    configHash: "0123456789abcdef",
    training: { steps: config.training.steps, tokens: run.tokens, minutes: 0.5, loss: [[run.tokens, 2]] },
    validation: { bitsPerByte, tokens: 100 },
    ...(run.measure === "test" && {
      test: {
        bitsPerByte,
        perplexity: 2 ** bitsPerByte,
        tokens: 200,
        tokensPerSecond: 5000,
        byPosition: [
          { from: 0, to: 64, tokens: 120, bitsPerByte: bitsPerByte + 1 },
          { from: 64, tokens: 80, bitsPerByte: bitsPerByte - 1 },
        ],
      },
    }),
    stateBytes: 4000,
    gates: [
      [0.25, 0.75],
      [0.5, 0.5],
    ],
    machine: { hardware: { cpu: "a CPU", cores: 2, memoryBytes: 4e9 }, versions: { node: "20.0.0" } },
  };
}

export const TEXTS: Comparison["texts"] = {
  hash: "0123456789abcdef",
  train: { documents: 4, bytes: 8000 },
  validation: { documents: 2, bytes: 500 },
  test: { documents: 2, bytes: 2000 },
};

/** A comparison of systems whose runs `perform` returns. Default: each seed is 0.2 worse than the one before. */
export async function comparisonOf(
  bits: Readonly<Record<string, number>>,
  perform: (run: PlannedRun) => RunResult | undefined = (run) =>
    resultOf(run, (bits[run.system.name] ?? NaN) + 0.2 * run.seed),
): Promise<Comparison> {
  const systems = Object.keys(bits).map((name) => goThrough(suite, systemOf(name), async (run) => perform(run)));
  return summarize(suite, TEXTS, await Promise.all(systems));
}

export function at<T>(values: readonly T[], i: number): T {
  const value = values[i];
  if (value === undefined) throw new RangeError(`there is no element ${i} of ${values.length}`);
  return value;
}
