import { existsSync } from "node:fs";
import { join } from "node:path";
import { runConfigOf, runHash, trainingHash, type PlannedRun } from "./plan.ts";
import { lossCurve, runResultSchema, type MeasuredRun, type RunResult } from "./results.ts";
import type { Suite } from "./suites.ts";
import type { Document } from "../../src/text/document.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { evaluateDocuments } from "../../src/evaluate/documents.ts";
import { createSession } from "../../src/runtime/session.ts";
import { configHash } from "./config-hash.ts";
import { gatesOf } from "../../src/model/gates.ts";
import { parseConfig } from "../../src/base/parse-config.ts";
import { readJson, toJson, writeAtomically } from "../../src/platform/node/files.ts";
import { DivergedError } from "../../src/train/loop.ts";
import { InterruptedError } from "../../src/cli/terminal/interrupt.ts";
import { thisMachine } from "../../src/cli/terminal/machine.ts";
import { trainInFolder, type Trained } from "../../src/cli/runs/train-in-folder.ts";
import type { SuiteTexts } from "./texts.ts";

/** Where runs are kept, and what they compare. */
export interface SuiteRuns {
  readonly suite: Suite;
  readonly texts: SuiteTexts;
  /** Contains a folder for each run. */
  readonly runs: string;
}

export interface RunContext extends SuiteRuns {
  readonly engine: Engine;
  readonly signal: AbortSignal;
  /** Called with the tokens done of {@link workOf}. */
  onProgress(tokens: number, note: string): void;
}

/** The result of a run that was done before, or nothing. Throws FileError or ConfigError for a broken file. */
export async function findRun(run: PlannedRun, place: SuiteRuns): Promise<RunResult | undefined> {
  const file = join(folderOf(run, place), RESULT);
  if (!existsSync(file)) return undefined;
  const found = parseConfig(runResultSchema, await readJson(file), file);
  // Anything measured on test text was measured on validation text too.
  const fits = [run, { ...run, measure: "test" } as const].map((wanted) => hashOf(wanted, place));
  return fits.includes(found.hash) ? found : undefined;
}

/**
 * Trains and measures, and writes the result; continues a training that was stopped. Throws {@link InterruptedError}
 * when it is stopped itself.
 */
export async function performRun(run: PlannedRun, context: RunContext): Promise<RunResult> {
  const { suite } = context;
  const { system, ...settings } = run;
  const folder = folderOf(run, context);
  const result: RunResult = {
    hash: hashOf(run, context),
    system: system.name,
    seed: settings.seed,
    learningRate: settings.learningRate,
    tokens: settings.tokens,
    length: settings.length,
    configHash: configHash(runConfigOf(suite, run)),
    ...(await trainAndMeasure(run, folder, context)),
  };
  await writeAtomically(join(folder, RESULT), toJson(result));
  return result;
}

/** Tokens of a run; those that are only measured count a third, as they need no backward pass. */
export function workOf(run: PlannedRun, texts: SuiteTexts): number {
  return run.tokens + measuredTokens(run, texts) * READING;
}

// --- internal ---

const RESULT = "result.json";
const READING = 1 / 3;

type Measurements = Omit<MeasuredRun, "hash" | "system" | "seed" | "learningRate" | "tokens" | "length" | "configHash">;

function hashOf(run: PlannedRun, { suite, texts }: SuiteRuns): string {
  return runHash(suite, run, texts.about.hash);
}

/** A folder for each training. A result with other measurements replaces the previous one. */
function folderOf(run: PlannedRun, { suite, texts, runs }: SuiteRuns): string {
  const hash = trainingHash(suite, run, texts.about.hash).slice(0, 8);
  return join(runs, `${run.system.name}-length${run.length}-rate${run.learningRate}-seed${run.seed}-${hash}`);
}

async function trainAndMeasure(
  run: PlannedRun,
  folder: string,
  context: RunContext,
): Promise<Measurements | { diverged: string }> {
  const trained = await trainRun(run, folder, context).catch((cause: unknown) => {
    if (cause instanceof DivergedError) return { diverged: cause.message };
    throw cause;
  });
  return "diverged" in trained ? trained : measureRun(run, trained, context);
}

type TrainedRun = Trained & { readonly residentBytes: number };

async function trainRun(
  run: PlannedRun,
  folder: string,
  { suite, texts, engine, signal, onProgress }: RunContext,
): Promise<TrainedRun> {
  const config = runConfigOf(suite, run);
  const { steps } = config.training;
  let residentBytes = 0;
  const trained = await trainInFolder({
    config,
    documents: texts.train,
    folder,
    engine,
    signal,
    onStep({ step, loss }) {
      residentBytes = Math.max(residentBytes, process.memoryUsage.rss());
      onProgress((run.tokens * step) / steps, `step ${step} of ${steps}, loss ${loss.toFixed(3)}`);
    },
  });
  return { ...trained, residentBytes };
}

async function measureRun(run: PlannedRun, trained: TrainedRun, context: RunContext): Promise<Measurements> {
  const { suite, texts } = context;
  const { loaded, metrics, minutes, steps, tokens } = trained;
  const residentBytes = trained.residentBytes || (await formerResidentBytes(run, context));
  const losses = metrics.map(({ loss }) => loss);
  const session = createSession({ loaded, engine: context.engine });
  let before = run.tokens;
  const measure = async (documents: readonly Document[], edges: readonly number[]) => {
    const result = await evaluateDocuments(
      session,
      documents.map((document) => Int32Array.from(document.tokens)),
      {
        edges,
        onProgress(done) {
          if (context.signal.aborted) throw new InterruptedError("stopped while measuring");
          context.onProgress(before + done * READING, "measure");
        },
      },
    );
    before += result.tokens * READING;
    return result;
  };
  try {
    const validation = await measure(texts.validation, [0]);
    const test = run.measure === "test" ? await measure(texts.test, suite.edges) : undefined;
    return {
      training: {
        steps,
        tokens,
        minutes,
        loss: lossCurve(losses, tokens / steps),
        ...(residentBytes > 0 && { residentBytes }),
      },
      validation: { bitsPerByte: validation.bitsPerByte, tokens: validation.tokens },
      ...(test && { test: { ...test, byPosition: [...test.byPosition] } }),
      stateBytes: session.stateBytes,
      gates: gatesOf(loaded),
      machine: thisMachine(),
    };
  } finally {
    await session.dispose();
  }
}

/** Of a training that was measured differently before; 0 if there was none. */
async function formerResidentBytes(run: PlannedRun, place: SuiteRuns): Promise<number> {
  const file = join(folderOf(run, place), RESULT);
  if (!existsSync(file)) return 0;
  const former = parseConfig(runResultSchema, await readJson(file), file);
  return "diverged" in former ? 0 : (former.training.residentBytes ?? 0);
}

function measuredTokens(run: PlannedRun, { validation, test }: SuiteTexts): number {
  const documents = run.measure === "test" ? [...validation, ...test] : validation;
  return documents.reduce((sum, { tokens }) => sum + tokens.length - 1, 0);
}
