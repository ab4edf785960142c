import { describe, expect, it } from "vitest";
import { mul, sum } from "../graph/builder.ts";
import { pathsOf } from "../graph/names.ts";
import { createModel } from "../model/transformer.ts";
import { floatTensor, intTensor, type HostTensor } from "../tensor/host-tensor.ts";
import type { Flat } from "../tensor/tree.ts";
import { createOptimizer, type RunConfig } from "./config.ts";
import type { Batch } from "./data/batch.ts";
import { copyOf, randomBatch, testEngine, tinyRun } from "./fixtures.ts";
import { nextToken, type Objective } from "./objective.ts";
import { isTrained, type Trainable } from "./programs.ts";
import { startOfRun, trainedModel } from "./run.ts";
import { createStepper, type Stepper, type StepperOptions } from "./stepper.ts";

const small = { numLayers: 1 };
const attentionAlone: Trainable = ({ role }, path) => role !== "embedding" && path.includes(".attention.");

async function open(config: RunConfig, own: Partial<StepperOptions> = {}): Promise<Stepper> {
  const loaded = trainedModel(config, startOfRun(config));
  const [optimizer, engine] = [createOptimizer(config.training.optimizer), await testEngine()];
  return createStepper({ ...loaded, optimizer, training: config.training, engine, ...own });
}

describe("what is not trained", () => {
  it.each<[string, RunConfig]>([
    ["in one graph", tinyRun({}, small)],
    ["accumulated", tinyRun({ accumulate: 2 }, small)],
    ["segment by segment", tinyRun({ mode: "rematerialized" }, small)],
  ])("stays as it is bit for bit, and the optimizer keeps nothing of it: %s", async (_, config) => {
    const stepper = await open(config, { trainable: attentionAlone });
    const before = copyOf(await stepper.state());
    const trained = isTrained(createModel(config.model), { trainable: attentionAlone });
    for (let step = 1; step <= 2; step++) {
      await stepper.step(
        [randomBatch(2, 12, step), randomBatch(2, 12, 9)].slice(0, config.training.accumulate),
        0.01,
        step,
      );
      stepper.keep();
    }
    const after = await stepper.state();
    expect(Object.keys(after)).toEqual(Object.keys(before));
    const [old, now] = [pathsOf("params", before), pathsOf("params", after)];
    const changed = Object.keys(now).filter((path) => !sameBits(old[path], now[path]));
    expect(changed).toEqual(Object.keys(now).filter(trained));
    expect(changed.length).toBeGreaterThan(2);
    expect(changed.length).toBeLessThan(Object.keys(now).length);
    expect(
      Object.keys(pathsOf("optimizer", after)).every((path) => trained(path.slice(0, path.lastIndexOf(".")))),
    ).toBe(true);
    await stepper.dispose();
  });
});

describe("gradients that are reduced", () => {
  it("over two halves of a batch train as the whole does", async () => {
    const whole = randomBatch(4, 12, 3);
    whole.weights.data.fill(1);
    const [config, half] = [tinyRun({ batch: 4 }, small), tinyRun({ batch: 2 }, small)];
    const expected = await open(config);
    const { gradientNorm } = await expected.step([whole], 0.01, 1);
    expected.keep();

    let given: Flat<HostTensor> = {};
    const keep = (gradients: Flat<HostTensor>): Flat<HostTensor> => (given = copyOf(gradients));
    await (await open(half, { reduce: keep })).step([lanesOf(whole, 2, 4)], 0.01, 1);
    const stepper = await open(half, { reduce: async (gradients) => meanOf(gradients, given) });
    const found = await stepper.step([lanesOf(whole, 0, 2)], 0.01, 1);
    stepper.keep();

    expect(found.gradientNorm).toBeCloseTo(gradientNorm, 5);
    const [ours, theirs] = [await stepper.state(), await expected.state()];
    for (const [path, { data }] of Object.entries(pathsOf("optimizer", theirs)))
      data.forEach((value, i) => expect(pathsOf("optimizer", ours)[path]?.data[i]).toBeCloseTo(value, 6));
  });

  it("that are left as they are train as if there were no reduction", async () => {
    const config = tinyRun({ accumulate: 2 }, small);
    const batches = [randomBatch(2, 12, 1), randomBatch(2, 12, 2)];
    const [plain, reduced] = [await open(config), await open(config, { reduce: (gradients) => gradients })];
    for (const stepper of [plain, reduced]) {
      await stepper.step(batches, 0.01, 1);
      stepper.keep();
    }
    expect(copyOf(await reduced.state())).toEqual(copyOf(await plain.state()));
  });

  it("are refused where lanes carry memory from step to step", async () => {
    await expect(open(tinyRun({ carry: 0.5 }, small), { reduce: (gradients) => gradients })).rejects.toThrow(
      "reduce: is not for training that carries memory",
    );
  });
});

describe("another objective", () => {
  it("is what is reported and followed", async () => {
    const config = tinyRun({}, small);
    const decay: Objective = (model, weights, batch) => {
      const { state } = nextToken(model, weights, batch);
      return { loss: sum(mul(weights.finalNorm, weights.finalNorm)), metrics: {}, state };
    };
    const stepper = await open(config, { objective: decay });
    const before = copyOf(await stepper.state());
    const { loss } = await stepper.step([randomBatch(2, 12, 1)], 0.01, 1);
    stepper.keep();
    expect(loss).toBeCloseTo(8, 5);
    const after = (await stepper.state())["params.finalNorm"];
    expect(after?.data.every((value, i) => value < (before["params.finalNorm"]?.data[i] ?? 0))).toBe(true);
  });
});

// --- internal ---

function sameBits(a: HostTensor | undefined, b: HostTensor | undefined): boolean {
  return a !== undefined && b !== undefined && a.data.every((value, i) => Object.is(value, b.data[i]));
}

function meanOf(a: Flat<HostTensor>, b: Flat<HostTensor>): Flat<HostTensor> {
  const mean = (path: string, { shape, data }: HostTensor): HostTensor =>
    floatTensor(
      shape,
      Float32Array.from(data, (value, i) => (value + (b[path]?.data[i] ?? Number.NaN)) / 2),
    );
  return Object.fromEntries(Object.entries(a).map(([path, value]) => [path, mean(path, value)]));
}

/** Some lanes of a batch. */
function lanesOf({ tokens, targets, weights, startOfSequence }: Batch, start: number, end: number): Batch {
  const T = tokens.shape[1] ?? 0;
  const shape = [end - start, T];
  return {
    tokens: intTensor(shape, tokens.data.slice(start * T, end * T)),
    targets: intTensor(shape, targets.data.slice(start * T, end * T)),
    weights: floatTensor(shape, weights.data.slice(start * T, end * T)),
    startOfSequence: intTensor([end - start], startOfSequence.data.slice(start, end)),
  };
}
