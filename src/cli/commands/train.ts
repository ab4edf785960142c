import { Command, Option } from "commander";
import { existsSync } from "node:fs";
import { hashDocuments, readCorpus } from "../../platform/node/corpus.ts";
import { readBytes, readJson } from "../../platform/node/files.ts";
import { loadModelFolder } from "../../platform/node/model-folder.ts";
import { loadTokenizer, tokenizerFile } from "../../platform/node/tokenizer-file.ts";
import { encodeDocuments } from "../../text/tokenizers/tokenizer.ts";
import type { Engine } from "../../engine/engine.ts";
import { measureGemmRate } from "../../engine/gemm-rate.ts";
import { createNodeEngine, type NodeDevice } from "../../engine/ort/ort-node.ts";
import { forwardFlops, parameterCount } from "../../model/cost.ts";
import type { ModelConfig } from "../../model/config.ts";
import { suggestion } from "../../base/parse-config.ts";
import { parseRunConfig, TRAINING_MODES, type RunConfig } from "../../train/config.ts";
import type { StepMetrics } from "../../train/loop.ts";
import { presets } from "../../train/presets.ts";
import { checkDocuments, readsText, runTraining, startOfRun, type RunPosition } from "../../train/run.ts";
import { UsageError } from "../terminal/errors.ts";
import { stopOnInterrupt } from "../terminal/interrupt.ts";
import { deviceOption, jsonOption, numberWithin, wholeNumber } from "../terminal/options.ts";
import { createProgress, formatCount, print, writeJson, type Progress } from "../terminal/output.ts";
import { openRunFolder, type RunFolder } from "../runs/run-folder.ts";

interface TrainFlags {
  readonly data?: string[];
  readonly out: string;
  readonly steps?: number;
  readonly seed?: number;
  readonly learningRate?: number;
  readonly from?: string;
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
    .requiredOption("--out <folder>", "where the model, its checkpoint and metrics.jsonl go")
    .addOption(new Option("--steps <count>", "number of steps (default: that of the config)").argParser(wholeNumber(1)))
    .addOption(
      new Option("--seed <number>", "seed of weights and data (default: that of the config)").argParser(wholeNumber(0)),
    )
    .addOption(
      new Option("--learning-rate <rate>", "its highest (default: that of the config)").argParser(
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
    .addOption(
      new Option("--mode <mode>", "how gradients are computed (default: that of the config)").choices(TRAINING_MODES),
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
  const engine = await createNodeEngine({ device: flags.device });
  const text = documents.length > 0 ? hashDocuments(documents) : undefined;
  const folder = await openRunFolder({ folder: flags.out, config, resume: flags.resume, documents: text });
  const stop = stopOnInterrupt("Stopping after this step");
  const report = await createReport(config, engine);
  const logStep = async (metrics: StepMetrics): Promise<void> => {
    await folder.log(metrics);
    report.onStep(metrics);
  };
  try {
    const from = flags.resume ? await resumed(folder) : await started(config, flags.from);
    if (!flags.resume) await folder.save(from);
    const { step } = await runTraining({
      config,
      documents,
      tokenizer,
      engine,
      from,
      signal: stop.signal,
      onStep: logStep,
      save: folder.save,
    });
    report.finish();
    const summary = {
      folder: flags.out,
      step,
      steps: config.training.steps,
      parameters: parameterCount(config.model),
      ...report.last(),
    };
    print(
      step < config.training.steps
        ? `Stopped at step ${step}; go on with --resume.`
        : `Done: ${flags.out} holds the model.`,
      flags.json,
    );
    await writeJson(summary, flags.json);
  } finally {
    report.finish();
    stop.release();
  }
}

/** The checkpoint of the folder; what has changed since then is said, a line each. */
async function resumed(folder: RunFolder): Promise<RunPosition> {
  const { changes, ...position } = await folder.restore();
  for (const change of changes) process.stderr.write(`changed: ${change}\n`);
  return position;
}

async function started(config: RunConfig, from: string | undefined): Promise<RunPosition> {
  if (from === undefined) return startOfRun(config);
  const loaded = await loadModelFolder(from);
  await checkSameTokenizer(config.model, from, loaded.model.config);
  return startOfRun(config, loaded);
}

async function checkSameTokenizer(model: ModelConfig, from: string, other: ModelConfig): Promise<void> {
  const [ours, theirs] = [tokenizerFile(model, "."), tokenizerFile(other, from)];
  const isSame =
    ours === undefined || theirs === undefined
      ? ours === theirs && (model.tokenizer ?? "bytes") === (other.tokenizer ?? "bytes")
      : Buffer.compare(await readBytes(ours), await readBytes(theirs)) === 0;
  if (!isSame) throw new UsageError(`--from: ${from} has another tokenizer than the config`);
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

interface Report {
  onStep(metrics: StepMetrics): void;
  last(): Partial<StepMetrics>;
  finish(): void;
}

/** One live line: loss, speed and its share of what the machine's matrix product reaches. */
async function createReport({ model, training }: RunConfig, engine: Engine): Promise<Report> {
  const gemm = await measureGemmRate(engine);
  const stepFlops = 3 * forwardFlops(model);
  const parameters = formatCount(parameterCount(model));
  process.stderr.write(
    `${parameters} parameters, ${training.steps} steps, matrix products at ${(gemm / 1e9).toFixed(0)} GFLOP/s\n`,
  );
  const progress: Progress = createProgress("train", training.steps, "steps");
  let last: Partial<StepMetrics> = {};
  return {
    onStep(metrics) {
      last = metrics;
      const rate = metrics.tokensPerSecond * stepFlops;
      const speed = `${formatCount(metrics.tokensPerSecond)} tokens/s, ${(rate / 1e9).toFixed(0)} GFLOP/s (${((100 * rate) / gemm).toFixed(0)} %)`;
      progress.update(metrics.step, `loss ${metrics.loss.toFixed(3)} | ${speed}`);
    },
    last: () => last,
    finish: () => progress.stop(),
  };
}
