import { Command, Option } from "commander";
import { existsSync } from "node:fs";
import { hashDocuments, readCorpus } from "../../platform/node/corpus.ts";
import { readJson } from "../../platform/node/files.ts";
import { loadTokenizer } from "../../platform/node/tokenizer-file.ts";
import { encodeDocuments } from "../../text/tokenizers/tokenizer.ts";
import type { Engine } from "../../engine/engine.ts";
import { createNodeEngine, type NodeDevice } from "../../engine/ort/ort-node.ts";
import { parameterCount } from "../../model/cost.ts";
import { suggestion } from "../../base/parse-config.ts";
import { parseRunConfig, TRAINING_MODES, type RunConfig } from "../../train/config.ts";
import type { Validation } from "../../train/loop.ts";
import { presets } from "../../train/presets.ts";
import { checkDocuments, readsText, runTraining, trainedModel } from "../../train/run.ts";
import { UsageError } from "../terminal/errors.ts";
import { stopOnInterrupt } from "../terminal/interrupt.ts";
import { deviceOption, jsonOption, numberWithin, wholeNumber } from "../terminal/options.ts";
import { print, writeJson } from "../terminal/output.ts";
import { readScoredTexts, type ScoredText } from "../measures/texts.ts";
import { openRunFolder, type RunFolder } from "../runs/run-folder.ts";
import { resumed, startedFrom } from "../runs/start.ts";
import { createStatus, type Status } from "../runs/status.ts";
import { validate } from "../runs/validation.ts";

interface TrainFlags {
  readonly data?: string[];
  readonly out: string;
  readonly steps?: number;
  readonly seed?: number;
  readonly learningRate?: number;
  readonly from?: string;
  readonly validate?: string[];
  readonly validateEvery?: number;
  readonly resume: boolean;
  readonly mode?: (typeof TRAINING_MODES)[number];
  readonly device: NodeDevice;
  readonly json?: string;
}

export function trainCommand(): Command {
  return new Command("train")
    .description("Train a model from scratch on text of your own.")
    .argument("<config>", `a recipe file (JSON), or a preset: ${Object.keys(presets).join(", ")}`)
    .option(
      "--data <path...>",
      "text files, JSONL files with a field `text`, or folders of them; needed where the mixture reads text",
    )
    .requiredOption("--out <folder>", "where the model, its checkpoint, metrics.jsonl and report.html go")
    .addOption(new Option("--steps <count>", "number of steps (default: from the config)").argParser(wholeNumber(1)))
    .addOption(
      new Option("--seed <number>", "seed of weights and data (default: from the config)").argParser(wholeNumber(0)),
    )
    .addOption(
      new Option("--learning-rate <rate>", "peak learning rate (default: from the config)").argParser(
        numberWithin(Number.MIN_VALUE, Number.MAX_VALUE),
      ),
    )
    .addOption(
      new Option("--from <model>", "start from the weights of a model folder of the same structure").conflicts(
        "resume",
      ),
    )
    .option(
      "--resume",
      "continue the run in the output folder; steps, rates, batches and text may have changed, the model may not",
      false,
    )
    .option(
      "--validate <path...>",
      "held-out text: measured as the run goes, and the best weights are kept in the folder best",
    )
    .addOption(
      new Option(
        "--validate-every <steps>",
        "steps between two validations (default: as between checkpoints)",
      ).argParser(wholeNumber(1)),
    )
    .addOption(
      new Option("--mode <mode>", "how gradients are computed (default: from the config)").choices(TRAINING_MODES),
    )
    .addOption(deviceOption())
    .addOption(jsonOption())
    .action(runTrain);
}

/** The run config of a preset, or of a file. Throws UsageError, FileError or ConfigError. */
export async function loadRunConfig(name: string): Promise<RunConfig> {
  const preset = Object.entries(presets).find(([key]) => key === name)?.[1];
  if (preset) return parseRunConfig(preset, name);
  if (!existsSync(name)) {
    const known = Object.keys(presets);
    throw new UsageError(
      `"${name}" is neither a file nor a preset${suggestion(name, known)}; presets: ${known.join(", ")}`,
    );
  }
  return parseRunConfig(await readJson(name), name);
}

// --- internal ---

async function runTrain(name: string, flags: TrainFlags): Promise<void> {
  const config = withFlags(await loadRunConfig(name), flags);
  if (!flags.data && readsText(config)) throw new UsageError("--data: the mixture of this run reads text; name some");
  const tokenizer = await loadTokenizer(config.model, ".");
  const documents = encodeDocuments(flags.data ? await readCorpus(flags.data) : [], tokenizer);
  checkDocuments(config, documents);
  const heldOut = flags.validate && (await readScoredTexts("--validate", flags.validate, tokenizer));
  const engine = await createNodeEngine({ device: flags.device });
  const text = documents.length > 0 ? hashDocuments(documents) : undefined;
  const folder = await openRunFolder({ folder: flags.out, config, resume: flags.resume, documents: text });
  const stop = stopOnInterrupt("Stopping after this step");
  const status = await createStatus(config, engine);
  try {
    const from = flags.resume ? await resumed(folder) : await startedFrom(config, flags.from);
    if (!flags.resume) await folder.save(from);
    const validation = heldOut && validationOf({ config, engine, folder, status, heldOut, every: flags.validateEvery });
    const { step } = await runTraining({
      config,
      documents,
      tokenizer,
      engine,
      from,
      signal: stop.signal,
      async onStep(metrics) {
        await folder.log(metrics);
        status.onStep(metrics);
      },
      validation,
      save: folder.save,
    }).catch(async (cause: unknown) => {
      await folder.report().catch(() => {}); // show how it got here, but report the cause above all
      throw cause;
    });
    status.finish();
    await folder.report();
    await tell(config, flags, step, status);
  } finally {
    status.finish();
    stop.release();
  }
}

interface Validating {
  readonly config: RunConfig;
  readonly engine: Engine;
  readonly folder: RunFolder;
  readonly status: Status;
  readonly heldOut: readonly ScoredText[];
  readonly every: number | undefined;
}

/** Measures a run on held-out text as it goes, and keeps the weights that do best. */
function validationOf({ config, engine, folder, status, heldOut, every }: Validating): Validation {
  const name = hashDocuments(heldOut);
  return {
    every,
    async run(state, step) {
      const bitsPerByte = await validate(trainedModel(config, { state, step }), engine, heldOut);
      await folder.log({ kind: "validation", step, bitsPerByte });
      status.onValidation(bitsPerByte, await folder.keepBest({ state, step }, bitsPerByte, name));
      await folder.report();
    },
  };
}

async function tell(config: RunConfig, { out, json }: TrainFlags, step: number, status: Status): Promise<void> {
  const { steps } = config.training;
  print(step < steps ? `Stopped at step ${step}; continue with --resume.` : `Done: ${out} holds the model.`, json);
  await writeJson({ folder: out, step, steps, parameters: parameterCount(config.model), ...status.last() }, json);
}

function withFlags(config: RunConfig, { steps, seed, learningRate, mode }: TrainFlags): RunConfig {
  const curriculum = config.training.curriculum.filter(({ until }) => until < (steps ?? config.training.steps));
  const training = {
    ...config.training,
    curriculum,
    ...(steps && { steps }),
    ...(seed !== undefined && { seed }),
    ...(learningRate !== undefined && { learningRate }),
    ...(mode && { mode }),
  };
  return parseRunConfig({ model: config.model, training });
}
