import { basename, join, resolve } from "node:path";
import { InterruptedError } from "../../src/cli/terminal/interrupt.ts";
import { thisMachine } from "../../src/cli/terminal/machine.ts";
import { trainInFolder, type Trained } from "../../src/cli/runs/train-in-folder.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { configHash } from "../compare/config-hash.ts";
import { modelId } from "../../src/model/identity.ts";
import { parameterCount, stateBytes } from "../../src/model/cost.ts";
import type { LoadedModel } from "../../src/model/transformer.ts";
import { readJson } from "../../src/platform/node/files.ts";
import { loadModelFolder, MODEL_FILES } from "../../src/platform/node/model-folder.ts";
import type { RunConfig } from "../../src/train/config.ts";
import { evaluate } from "./evaluations.ts";
import type { Evaluation, Experiment } from "./experiments.ts";
import { runConfigOf } from "./recipe.ts";
import { readResult, toMeasured, writeResult, type Measured, type Result } from "./results.ts";
import { inRepository, readTexts } from "./texts.ts";

export interface RunOptions {
  /** Folder of the results. */
  readonly out: string;
  /** Folder of the training runs. */
  readonly runs: string;
  /** Whether shipped models are trained again too. */
  readonly retrain: boolean;
  readonly engine: Engine;
  readonly signal: AbortSignal;
  /** Called with the current task and its progress, in 0..1. */
  onProgress(what: string, share: number, note?: string): void;
}

/**
 * Trains and evaluates whatever the file of results lacks, and writes it after each evaluation. Returns false when
 * there was nothing to do. Throws {@link InterruptedError} when it is stopped: training is kept in the folder of runs,
 * and finished evaluations in that of results.
 */
export async function runExperiment(experiment: Experiment, options: RunOptions): Promise<boolean> {
  const source = await sourceOf(experiment, options);
  const former = await readResult(options.out, experiment.name);
  const done = former?.modelHash === source.modelHash ? former.evaluations : [];
  const wanted = experiment.evaluations.map((evaluation) => done.find((found) => isOf(evaluation, found)));
  if (former && wanted.every((found) => found !== undefined)) {
    // Measurements that are no longer requested are dropped.
    if (done.length > wanted.length) await writeResult(options.out, { ...former, evaluations: wanted });
    return false;
  }
  const { loaded, folder, trained } = await source.model();
  const base = { ...describe(experiment.name, source, loaded.model.config), ...(trained && { trained }) };
  const evaluations = [...wanted];
  for (const [i, evaluation] of experiment.evaluations.entries()) {
    evaluations[i] ??= await measure(evaluation, { loaded, folder }, options);
    await writeResult(options.out, { ...base, evaluations: evaluations.filter((found) => found !== undefined) });
  }
  return true;
}

// --- internal ---

/** A model that is not made yet, and what distinguishes it from others. */
interface Source {
  readonly config: RunConfig;
  readonly modelHash: string;
  model(): Promise<{ loaded: LoadedModel; folder: string; trained?: Omit<Trained, "loaded" | "metrics"> }>;
}

async function sourceOf({ source }: Experiment, options: RunOptions): Promise<Source> {
  if (source.folder !== undefined && !options.retrain) return shippedModel(inRepository(source.folder));
  const config = await runConfigOf(source);
  const modelHash = configHash({ config, data: source.data });
  // A changed recipe starts a new run; experiments with the same recipe share a run.
  const folder = resolve(options.runs, `${basename(source.recipe, ".json")}-${modelHash.slice(0, 8)}`);
  const { engine, signal, onProgress } = options;
  return {
    config,
    modelHash,
    async model() {
      const { steps } = config.training;
      const onStep = ({ step, loss }: { step: number; loss: number }): void =>
        onProgress("train", step / steps, `step ${step} of ${steps}, loss ${loss.toFixed(3)}`);
      const documents = await readTexts(source.data);
      const {
        loaded,
        metrics: _,
        ...trained
      } = await trainInFolder({ config, documents, folder, engine, signal, onStep });
      return { loaded, folder, trained };
    },
  };
}

async function shippedModel(folder: string): Promise<Source> {
  const loaded = await loadModelFolder(folder);
  const config = { model: loaded.model.config, training: await readJson(join(folder, MODEL_FILES.training)) };
  return {
    config: config as RunConfig,
    modelHash: configHash({ config, weights: await modelId(loaded) }),
    model: async () => ({ loaded, folder }),
  };
}

function isOf(evaluation: Evaluation, { settings }: Measured): boolean {
  return configHash(evaluation) === configHash(settings);
}

function describe(
  name: string,
  { config, modelHash }: Source,
  model: RunConfig["model"],
): Omit<Result, "evaluations" | "trained"> {
  return {
    name,
    modelHash,
    config,
    configHash: configHash(config),
    seed: config.training.seed,
    parameters: parameterCount(model),
    stateBytes: stateBytes(model),
    ...thisMachine(),
  };
}

async function measure(
  settings: Evaluation,
  model: { readonly loaded: LoadedModel; readonly folder: string },
  { engine, signal, onProgress }: RunOptions,
): Promise<Measured> {
  const started = performance.now();
  const stopped = `stopped while measuring ${settings.kind}`;
  const rows = await evaluate(settings, {
    ...model,
    engine,
    onProgress(share) {
      if (signal.aborted) throw new InterruptedError(stopped);
      onProgress(`measure ${settings.kind}`, share);
    },
  }).catch((cause: unknown) => {
    // Ctrl-C also ends child processes.
    throw signal.aborted ? new InterruptedError(stopped, { cause }) : cause;
  });
  return toMeasured({ kind: settings.kind, settings, seconds: (performance.now() - started) / 1000, rows });
}
