import { describe, expect, it } from "vitest";
import type { Batch } from "./data/batch.ts";
import type { Document } from "../text/document.ts";
import { madeUpDevice } from "../engine/fixtures.ts";
import { createRng } from "../base/random.ts";
import { learningRateAt, type RunConfig, type TrainingConfig } from "./config.ts";
import { batchesOf, copyOf, normals, randomBatch, stepperOf, testEngine, tinyRun } from "./fixtures.ts";
import { DivergedError, train, type StepMetrics, type Validation } from "./loop.ts";
import { pathsOf } from "../graph/names.ts";
import type { LoadedModel } from "../model/transformer.ts";
import { flatten, mapTree } from "../tensor/tree.ts";
import { decodeRunState, encodeRunState } from "./run-state.ts";
import { runTraining, StartError, startOfRun, trainedModel, type RunOptions, type RunPosition } from "./run.ts";
import type { Stepper, StepResult, TrainingState } from "./stepper.ts";

describe("train", () => {
  it("steps with the batches and the learning rate of each step", async () => {
    const config = tinyRun({ steps: 4, accumulate: 3, warmupSteps: 2 }).training;
    const { stepper, calls } = countingStepper();
    await run(stepper, config);
    const expected = [1, 2, 3, 4].map((step) => ({
      step,
      learningRate: learningRateAt(step, config),
      batches: [0, 1, 2].map((i) => 3 * (step - 1) + i),
    }));
    expect(calls).toEqual(expected);
  });

  it("continues after the steps already done", async () => {
    const { stepper, calls } = countingStepper();
    const { last, saved } = await run(stepper, tinyRun({ steps: 9 }).training, { fromStep: 3, toStep: 5 });
    expect(calls.map(({ step, batches }) => [step, ...batches])).toEqual([
      [4, 3],
      [5, 4],
    ]);
    expect([last, saved]).toEqual([5, [5]]);
  });

  it("reports every step, with what it took", async () => {
    const { stepper } = countingStepper();
    const { metrics } = await run(stepper, tinyRun({ steps: 3, warmupSteps: 10, learningRate: 1 }).training);
    expect(metrics).toEqual(
      [1, 2, 3].map((step) => ({
        step,
        loss: 1 / step,
        gradientNorm: step,
        learningRate: step / 10,
        tokensPerSecond: expect.any(Number),
      })),
    );
    expect(metrics.every(({ tokensPerSecond }) => tokensPerSecond > 0)).toBe(true);
  });

  it.each([
    [1, 3, [1, 2, 3]],
    [2, 5, [2, 4, 5]],
    [3, 6, [3, 6]],
    [100, 4, [4]],
  ])("saves every %i of %i steps and the last, none twice", async (checkpointEvery, steps, expected) => {
    const { stepper } = countingStepper();
    expect((await run(stepper, tinyRun({ steps, checkpointEvery }).training)).saved).toEqual(expected);
  });

  it("does and saves nothing when there is nothing left to do", async () => {
    const { stepper, calls } = countingStepper();
    expect(await run(stepper, tinyRun({ steps: 3 }).training, { fromStep: 3 })).toEqual({
      last: 3,
      saved: [],
      metrics: [],
    });
    expect(calls).toEqual([]);
  });

  it("finishes its step and saves when the signal comes", async () => {
    const { stepper, calls } = countingStepper();
    const controller = new AbortController();
    const onStep = ({ step }: StepMetrics): void => (step === 2 ? controller.abort() : undefined);
    const { last, saved } = await run(stepper, tinyRun({ steps: 9 }).training, { signal: controller.signal, onStep });
    expect([last, saved, calls.length]).toEqual([2, [2], 2]);
  });

  it("does not begin when the signal came before", async () => {
    const { stepper } = countingStepper();
    expect(await run(stepper, tinyRun().training, { signal: AbortSignal.abort() })).toEqual({
      last: 0,
      saved: [],
      metrics: [],
    });
  });
});

describe("a step that diverges", () => {
  it.each<[string, StepResult]>([
    ["the loss", { loss: Number.NaN, gradientNorm: 1 }],
    ["the gradient", { loss: 1, gradientNorm: Infinity }],
  ])("ends the run by %s, and leaves what was saved last", async (_, result) => {
    const { stepper, kept } = countingStepper({ 4: result });
    const saved: [TrainingState, number][] = [];
    const save = async (state: TrainingState, step: number): Promise<void> => void saved.push([state, step]);
    const failed = run(stepper, tinyRun({ steps: 9, checkpointEvery: 2 }).training, { save });
    await expect(failed).rejects.toThrow(DivergedError);
    const numbers = `step 4: the loss is ${result.loss}, the gradient norm ${result.gradientNorm}; the checkpoint holds step 2`;
    await expect(failed).rejects.toThrow(numbers);
    expect(saved.map(([, step]) => step)).toEqual([2]);
    expect(kept()).toBe(3);
  });

  it("leaves a state that trains on, whatever the failed step wrote", async () => {
    const config = tinyRun();
    const stepper = await stepperOf(config);
    const poisoned = {
      ...batchesOf(config).at(0),
      weights: { dtype: "float32", shape: [2, 12], data: new Float32Array(24).fill(1) },
    } as Batch;
    poisoned.weights.data[5] = Number.NaN;
    const batches = { at: (index: number): Batch => (index === 2 ? poisoned : randomBatch(2, 12, index)) };
    const saved: number[] = [];
    const save = async (_: TrainingState, step: number): Promise<void> => void saved.push(step);
    const options = { stepper, training: config.training, onStep: () => {}, save };
    await expect(train({ ...options, batches })).rejects.toThrow(DivergedError);
    expect(saved).toEqual([]);

    // As if the bad batch had never been tried.
    const good = { at: (index: number): Batch => randomBatch(2, 12, index) };
    await train({ ...options, batches: good, fromStep: 2, toStep: 4 });
    const untroubled = await stepperOf(config);
    await train({ ...options, stepper: untroubled, batches: good, toStep: 4 });
    expect(await stepper.state()).toEqual(await untroubled.state());
    for (const each of [stepper, untroubled]) await each.dispose();
  });

  it("leaves nothing on a device", async () => {
    const device = madeUpDevice(await testEngine());
    const config = tinyRun({ steps: 50, learningRate: 1e30, optimizer: { kind: "adamw", weightDecay: 0 } });
    await expect(play(config, { engine: device.engine })).rejects.toThrow(DivergedError);
    expect(device.moved.toHost).toBeGreaterThan(0);
    expect(device.tensors).toBe(0);
  });

  it("comes of a learning rate that is far too high, and never overwrites a checkpoint", async () => {
    const saved: number[] = [];
    const optimizer = { kind: "adamw", weightDecay: 0 } as const;
    const config = tinyRun({ steps: 50, learningRate: 1e30, optimizer, checkpointEvery: 1 });
    const last = tinyRun({ steps: 50, learningRate: 1e30, optimizer });
    let reached = 0;
    const onStep = ({ step }: StepMetrics): void => void (reached = step);
    const save = async ({ step }: RunPosition): Promise<void> => void saved.push(step);
    await expect(play(last, { save, onStep })).rejects.toThrow(DivergedError);
    expect([saved, reached > 0]).toEqual([[], true]);
    await expect(play(config, { save })).rejects.toThrow(`the checkpoint holds step ${reached}`);
    expect(saved.at(-1)).toBe(reached);
  });
});

describe("validation", () => {
  it("is run every so many steps and after the last, before the state is saved", async () => {
    const events: string[] = [];
    const validation: Validation = { every: 3, run: async (_, step) => void events.push(`validate ${step}`) };
    const save = async (_: TrainingState, step: number): Promise<void> => void events.push(`save ${step}`);
    const training = tinyRun({ steps: 7, checkpointEvery: 6 }).training;
    await run(countingStepper().stepper, training, { validation, save });
    expect(events).toEqual(["validate 3", "validate 6", "save 6", "validate 7", "save 7"]);
    events.length = 0;
    await run(countingStepper().stepper, training, { validation: { run: validation.run }, save, toStep: 6 });
    expect(events).toEqual(["validate 6", "save 6"]);
  });
});

describe("a stage in segments of another length", () => {
  it("trains as a model with such segments, and the stages after it as the model itself", async () => {
    const lossesOf = async (config: RunConfig): Promise<number[]> => {
      const losses: number[] = [];
      await play(config, { onStep: ({ loss }) => void losses.push(loss) });
      return losses;
    };
    const curriculum = [{ until: 2, batch: 2, length: 12 }];
    const plain = await lossesOf(tinyRun({ steps: 3, curriculum }));
    const whole = await lossesOf(tinyRun({ steps: 3, curriculum }, { segmentLength: 12 }));
    const mixed = await lossesOf(
      tinyRun({ steps: 3, curriculum: [{ until: 2, batch: 2, length: 12, segmentLength: 12 }] }),
    );
    expect(mixed.slice(0, 2)).toEqual(whole.slice(0, 2));
    expect(mixed[0]).not.toBe(plain[0]);
    expect(mixed[2]).not.toBe(whole[2]);
  });
});

describe("a run that is resumed", () => {
  const curriculum = [
    { until: 2, batch: 3, length: 4 },
    { until: 4, batch: 1, length: 12 },
  ];
  const small = { numLayers: 1 };
  const variants: [string, RunConfig][] = [
    ["AdamW", tinyRun({ steps: 3, warmupSteps: 2 }, small)],
    ["Adafactor, accumulated", tinyRun({ steps: 3, optimizer: { kind: "adafactor" }, accumulate: 2, batch: 1 }, small)],
    ["a curriculum", tinyRun({ steps: 5, curriculum }, small)],
  ];

  it.each(variants)("ends with the bits of one that was not, from every step: %s", async (_, config) => {
    const checkpoints: Uint8Array[] = [];
    const whole = await play(config, {
      config: { ...config, training: { ...config.training, checkpointEvery: 1 } },
      save: async ({ state, step }) => void checkpoints.push(encodeRunState(state, step, config)),
    });
    const { steps } = config.training;
    expect([checkpoints.length, whole.step]).toEqual([steps, steps]);
    for (const [i, bytes] of checkpoints.entries()) {
      const from = decodeRunState(bytes, startOfRun(config).state, config, "checkpoint");
      expect(from.step).toBe(i + 1);
      expect(await play(config, { from })).toEqual(whole);
    }
  });

  it("may continue with more steps, another rate, other batches and more text", async () => {
    const config = tinyRun({ steps: 3, mixture: [{ task: "documents", share: 1 }] }, small);
    const { state, step } = await play(config);
    const file = encodeRunState(state, step, config);
    for (const changes of [{ steps: 5 }, { steps: 5, learningRate: 1e-4 }, { steps: 5, batch: 3, length: 8 }]) {
      const changed = tinyRun({ mixture: [{ task: "documents", share: 1 }], ...changes }, small);
      const { changes: lines, ...from } = decodeRunState(file, startOfRun(changed).state, changed, "checkpoint");
      expect(lines.length).toBeGreaterThanOrEqual(Object.keys(changes).length);
      const steps: number[] = [];
      const end = await play(changed, {
        from,
        documents: [...documents, { name: "more", tokens: noise() }],
        onStep: (metrics) => void steps.push(metrics.step),
      });
      expect([end.step, steps]).toEqual([5, [4, 5]]);
    }
  });

  it("is stopped at the end of its step, in any stage, and continues from there", async () => {
    const config = tinyRun({ curriculum }, small);
    const whole = await play(config);
    for (const stopAt of [1, 2, 3]) {
      const controller = new AbortController();
      const saved: RunPosition[] = [];
      const stopped = await play(config, {
        signal: controller.signal,
        onStep: ({ step }) => (step === stopAt ? controller.abort() : undefined),
        save: async ({ state, step }) => void saved.push({ state: copyOf(state), step }),
      });
      expect(stopped.step).toBe(stopAt);
      expect(saved.at(-1)).toEqual(stopped);
      expect(await play(config, { from: stopped })).toEqual(whole);
    }
  });
});

describe("a run that starts from a model", () => {
  const trained = (config: RunConfig): LoadedModel => {
    const { model, params } = trainedModel(config, startOfRun(config));
    return { model, params: mapTree<typeof params>(params, (leaf) => normals(leaf.shape, 9)) };
  };

  it("has its weights and a fresh optimizer", async () => {
    const config = tinyRun({ steps: 2 });
    const from = trained(tinyRun({}, { segmentLength: 12 }));
    const start = startOfRun(config, from);
    const fresh = startOfRun(config);
    expect(start.step).toBe(0);
    expect(pathsOf("params", start.state)).toEqual(flatten(from.params));
    expect(pathsOf("optimizer", start.state)).toEqual(pathsOf("optimizer", fresh.state));
    expect((await play(config, { from: start })).step).toBe(2);
  });

  it.each<[string, RunConfig]>([
    ["model.modelDim was 16, is 8", tinyRun({}, { modelDim: 16 })],
    ["model.numLayers was 1, is 2", tinyRun({}, { numLayers: 1 })],
    ["model.ropeBase was 100, is 10000", tinyRun({}, { ropeBase: 100 })],
    ["model.tieEmbeddings was false, is true", tinyRun({}, { tieEmbeddings: false })],
  ])("of another structure is refused: %s", (problem, other) => {
    const start = (): unknown => startOfRun(tinyRun(), trained(other));
    expect(start).toThrow(StartError);
    expect(start).toThrow(`the model to start from does not fit: ${problem}`);
  });

  it("whose weights have other shapes than its config is refused by name", () => {
    const { model, params } = trained(tinyRun());
    const broken = { model, params: { ...params, finalNorm: normals([4], 1) } };
    expect(() => startOfRun(tinyRun(), broken)).toThrow('"finalNorm" must have shape [8], has [4]');
  });
});

// --- internal ---

interface Call {
  readonly step: number;
  readonly learningRate: number;
  /** Numbers of the batches. */
  readonly batches: readonly number[];
}

/** A stepper that only takes note; step n has a loss of 1/n unless `results` says otherwise. */
function countingStepper(results: Readonly<Record<number, StepResult>> = {}): {
  stepper: Stepper;
  calls: Call[];
  kept(): number;
} {
  const calls: Call[] = [];
  let kept = 0;
  const state: TrainingState = {};
  const stepper: Stepper = {
    state: () => Promise.resolve(state),
    async step(batches, learningRate, step) {
      calls.push({ step, learningRate, batches: batches.map(({ tokens }) => tokens.data[0] ?? -1) });
      return results[step] ?? { loss: 1 / step, gradientNorm: step };
    },
    keep: () => void kept++,
    dispose: async () => {},
  };
  return { stepper, calls, kept: () => kept };
}

/** Trains with batches that hold their own number. */
async function run(
  stepper: Stepper,
  training: TrainingConfig,
  options: Partial<Parameters<typeof train>[0]> = {},
): Promise<{ last: number; saved: number[]; metrics: StepMetrics[] }> {
  const saved: number[] = [];
  const metrics: StepMetrics[] = [];
  const numbered = (index: number): Batch => {
    const batch = randomBatch(1, 4, 0);
    batch.tokens.data.fill(index);
    return batch;
  };
  const last = await train({
    stepper,
    training,
    batches: { at: numbered },
    onStep: (step) => void metrics.push(step),
    save: async (_, step) => void saved.push(step),
    ...options,
  });
  return { last, saved, metrics };
}

const documents: readonly Document[] = [{ name: "noise", tokens: noise() }];

function noise(): Uint8Array {
  const rng = createRng(7);
  return Uint8Array.from({ length: 500 }, () => rng.integer(16));
}

/** The run of a config on a real engine. */
async function play(config: RunConfig, options: Partial<RunOptions> = {}): Promise<RunPosition> {
  return runTraining({ config, documents, engine: await testEngine(), ...options });
}
