/** Trains and reads on the device that the command line names, and writes what came out as JSON. */
import { createNodeEngine, type NodeDevice } from "../../src/engine/ort/ort-node.ts";
import { randomTokens, tinyModel } from "../../src/runtime/fixtures.ts";
import { createSession } from "../../src/runtime/session.ts";
import { createModel, freshParams } from "../../src/model/transformer.ts";
import { createRng } from "../../src/base/random.ts";
import { createOptimizer } from "../../src/train/config.ts";
import { batchesOf, tinyRun } from "../../src/train/fixtures.ts";
import { createStepper } from "../../src/train/stepper.ts";

/** What a device computed. */
export interface Computed {
  /** Of the training steps. */
  readonly losses: readonly number[];
  /** After whole segments, after a chunk that ends a segment, and after single tokens. */
  readonly logits: readonly (readonly number[])[];
}

const STEPS = 4;

const engine = await createNodeEngine({ device: process.argv[2] as NodeDevice });
const losses = await train();
process.stdout.write(JSON.stringify({ losses, logits: await read() } satisfies Computed));

async function train(): Promise<number[]> {
  const run = tinyRun();
  const model = createModel(run.model);
  const params = freshParams(model, createRng(1).fork("params"));
  const optimizer = createOptimizer(run.training.optimizer);
  const stepper = await createStepper({ model, params, optimizer, training: run.training, engine });
  const batches = batchesOf(run);
  const all: number[] = [];
  for (let step = 1; step <= STEPS; step++) {
    all.push((await stepper.step([batches.at(step)], 0.01, step)).loss);
    stepper.keep();
  }
  return all;
}

async function read(): Promise<number[][]> {
  const session = createSession({ loaded: tinyModel(), engine });
  const parts = [16, 6, 2, 1, 1, 1].map((length, i) => randomTokens(length, i));
  const all: number[][] = [];
  for (const part of parts) all.push([...(await session.prefill(part))]);
  return all;
}
