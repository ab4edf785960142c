/*
 * One measurement of a model folder, in its own process and on the built package. It imports only public names of the package and
 * no other file of the repository, so that a copy of this file with other import paths measures another version.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createRng, type Rng } from "infini-transformer/base";
import * as models from "infini-transformer/model";
import { createNodeEngine, loadModelFolder } from "infini-transformer/node";
import { createRuntime, sampleToken, type Session } from "infini-transformer/runtime";
import { flatten, floatTensor, intTensor, type FloatTensor } from "infini-transformer/tensor";
import { createOptimizer, createStepper, parseRunConfig } from "infini-transformer/train";

const { measurement, folder, tokens } = JSON.parse(process.argv[2] ?? "{}") as {
  measurement: string;
  folder: string;
  /** Of the block that is read, of the training sequence. */
  tokens: number;
};

const MEASUREMENTS: Readonly<Record<string, () => Promise<Record<string, number>>>> = {
  make,
  start,
  second,
  files,
  short,
  sampling,
  training,
};

const { createModel, encodeWeights, MODEL_FILES, parseModelConfig } = models;

process.stdout.write(JSON.stringify(await MEASUREMENTS[measurement]?.()));

/** Drawn by the model itself in versions without specs. */
function randomWeights(config: models.ModelConfig): models.ModelParams<FloatTensor> {
  const model: models.Model & { initParams?(rng: Rng): models.ModelParams<FloatTensor> } = createModel(config);
  return model.initParams?.(createRng(1)) ?? models.freshParams(model, createRng(1));
}

/** Writes random weights next to the config in the folder. */
async function make(): Promise<Record<string, number>> {
  const config = await readConfig();
  const bytes = encodeWeights(flatten(randomWeights(config)));
  await writeFile(join(folder, MODEL_FILES.weights), bytes);
  return { weights: bytes.length };
}

/** From nothing to the first token, then a block. */
async function start(): Promise<Record<string, number>> {
  const started = performance.now();
  const session = await openSession();
  await session.step(1);
  const first = secondsSince(started);
  const afterToken = resident();
  await session.prefill(randomTokens(tokens));
  return { firstToken: first, afterToken, afterBlock: resident(), readingPeak: await peak() };
}

/** What a second session adds when both have read a token and a block. */
async function second(): Promise<Record<string, number>> {
  const runtime = await openRuntime();
  const sessions: Session[] = [];
  const open = async (): Promise<number> => {
    const session = runtime.session();
    await session.step(1);
    await session.prefill(randomTokens(tokens));
    sessions.push(session);
    return resident();
  };
  const alone = await open();
  return { secondSession: (await open()) - alone };
}

/** Saving and loading a session. */
async function files(): Promise<Record<string, number>> {
  const session = await openSession();
  await session.prefill(randomTokens(tokens));
  const bytes = await session.save();
  await session.load(bytes, "session");
  return {
    save: await medianSeconds(() => session.save()),
    load: await medianSeconds(() => session.load(bytes, "session")),
    sessionFile: bytes.length,
  };
}

/** Reading few tokens into an empty session. */
async function short(): Promise<Record<string, number>> {
  const session = await openSession();
  const read = async (count: number): Promise<number> => {
    const few = randomTokens(count);
    await session.prefill(few);
    return medianSeconds(
      () => session.prefill(few),
      () => session.reset(),
    );
  };
  return { readTwo: await read(2), readSixtyFour: await read(64) };
}

/** Drawing a token at temperature 0.8. */
async function sampling(): Promise<Record<string, number>> {
  const { vocabularySize } = await readConfig();
  const rng = createRng(1);
  const logits = Float32Array.from({ length: vocabularySize }, () => 2 * rng.normal());
  const sample = async (): Promise<number> => sampleToken(logits, { temperature: 0.8 }, rng);
  for (let i = 0; i < 20; i++) await sample();
  return { sample: await medianSeconds(sample) };
}

/** A training step of one sequence. */
async function training(): Promise<Record<string, number>> {
  const model = await readConfig();
  const run = parseRunConfig({ model, training: { steps: 1, batch: 1, length: tokens, warmupSteps: 0 } });
  const stepper = await createStepper({
    model: createModel(run.model),
    params: randomWeights(run.model),
    optimizer: createOptimizer(run.training.optimizer),
    training: run.training,
    engine: await createNodeEngine(),
  });
  const drawn = randomTokens(tokens + 1);
  const batch = {
    tokens: intTensor([1, tokens], drawn.slice(0, tokens)),
    targets: intTensor([1, tokens], drawn.slice(1)),
    weights: floatTensor([1, tokens], new Float32Array(tokens).fill(1)),
    startOfSequence: intTensor([1], Int32Array.of(1)),
  };
  const seconds: number[] = [];
  for (let i = 1; i <= 2; i++) {
    const started = performance.now();
    await stepper.step([batch], 1e-4, i);
    stepper.keep();
    seconds.push(secondsSince(started));
  }
  return { trainingStep: seconds[1] ?? Number.NaN, trainingPeak: await peak() };
}

// --- internal ---

async function readConfig(): Promise<ReturnType<typeof parseModelConfig>> {
  return parseModelConfig(JSON.parse(await readFile(join(folder, MODEL_FILES.config), "utf8")));
}

async function openRuntime(): Promise<{ session(): Session }> {
  return createRuntime({ loaded: await loadModelFolder(folder), engine: await createNodeEngine() });
}

async function openSession(): Promise<Session> {
  return (await openRuntime()).session();
}

function randomTokens(count: number): Int32Array {
  const rng = createRng(2);
  return Int32Array.from({ length: count }, () => rng.integer(256));
}

function secondsSince(started: number): number {
  return (performance.now() - started) / 1000;
}

/** Of nine runs; `before` each is not timed. */
async function medianSeconds(work: () => Promise<unknown>, before?: () => Promise<unknown>): Promise<number> {
  const seconds: number[] = [];
  for (let i = 0; i < 9; i++) {
    await before?.();
    const started = performance.now();
    await work();
    seconds.push(secondsSince(started));
  }
  return seconds.toSorted((a, b) => a - b)[4] ?? Number.NaN;
}

/** Resident bytes after garbage collection. */
function resident(): number {
  globalThis.gc?.();
  return process.memoryUsage.rss();
}

/** Peak resident bytes; `maxRSS` would be that of the process that started this one. */
async function peak(): Promise<number> {
  const status = await readFile("/proc/self/status", "utf8").catch(() => "");
  const kibibytes = /^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1] ?? process.resourceUsage().maxRSS;
  return Number(kibibytes) * 1024;
}
