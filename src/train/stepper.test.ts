import { describe, expect, it } from "vitest";
import type { MemoryConfig } from "../mixers/infini/config.ts";
import type { Batch } from "./data/batch.ts";
import { expectClose } from "../engine/engine.suite.ts";
import type { Engine } from "../engine/engine.ts";
import { madeUpDevice, withRuns } from "../engine/fixtures.ts";
import { add, mul, sub } from "../graph/builder.ts";
import { floatTensor, intTensor, type HostTensor } from "../tensor/host-tensor.ts";
import { tinyMixers } from "../model/fixtures.ts";
import { createModel, freshParams } from "../model/transformer.ts";
import { createRng } from "../base/random.ts";
import { createOptimizer, type RunConfig } from "./config.ts";
import { batchesOf, copyOf, randomBatch, stepperOf, testEngine, tensorOf, tinyRun } from "./fixtures.ts";
import type { Optimizer } from "./optimizer.ts";
import { createStepper, initialTrainingState, type StepResult, type TrainingState } from "./stepper.ts";

/** Large enough that updates do not blow up the rounding of gradients close to zero. */
const smooth = { kind: "adamw", epsilon: 0.01 } as const;
const RATE = 0.05;

describe("gradient accumulation", () => {
  it("over batches is one step with all of their lanes", async () => {
    const batches = [randomBatch(4, 12, 1), randomBatch(4, 12, 2)];
    for (const lanes of [2, 1]) {
      const accumulated = tinyRun({ batch: lanes, accumulate: 4 / lanes, optimizer: smooth });
      await expectSameSteps(
        { config: tinyRun({ batch: 4, optimizer: smooth }), batches: batches.map((batch) => [batch]) },
        { config: accumulated, batches: batches.map((batch) => lanesOf(batch, lanes)) },
      );
    }
  });

  it("starts from zero at every step", async () => {
    const batches = [randomBatch(1, 12, 1), randomBatch(1, 12, 2)];
    const stepper = await stepperOf(tinyRun({ batch: 1, accumulate: 2 }));
    const first = await stepper.step(batches, RATE, 1);
    expect(await stepper.step(batches, RATE, 1)).toEqual(first);
    await stepper.dispose();
  });
});

describe("gradients that add up", () => {
  it.each(["parallel", "rematerialized"] as const)("are written to two sets of tensors in turns: %s", async (mode) => {
    const written: (HostTensor | undefined)[] = [];
    const engine = watchedEngine(await testEngine(), "next.gradients.embedding", (tensor) => written.push(tensor));
    const stepper = await stepperOf(tinyRun({ accumulate: 2, mode }), { engine });
    for (const step of [1, 2]) await stepper.step([randomBatch(2, 12, 1), randomBatch(2, 12, 2)], RATE, step);
    await stepper.dispose();
    const [first, ...later] = written;
    expect(first).toBeUndefined(); // the run that makes the second set
    expect(later).not.toContain(undefined);
    expect(new Set(later).size).toBe(2);
  });
});

describe("the rematerialized mode", () => {
  it.each<[Partial<MemoryConfig>, number]>([
    [{ update: "none", cache: true }, 1],
    [{ update: "linear", shift: "none" }, 1],
    [{ update: "linear", shift: "token", cache: true }, 1],
    [{ update: "delta", shift: "token" }, 1],
    [{ update: "delta-corrected", shift: "convolution", gate: "token" }, 1],
    [{ update: "token-delta", shift: "token" }, 1],
    [{ update: "token-delta", shift: "none", cache: true }, 2],
    [{ update: "gated-token-delta", featureMap: "dpfp", shift: "convolution", cache: true }, 1],
  ])("trains as the parallel one: %o, %i batches a step", async (memory, accumulate) => {
    const model = { memory };
    const batches = [1, 2].map((step) =>
      Array.from({ length: accumulate }, (_, i) => randomBatch(2, 12, 2 * step + i)),
    );
    await expectSameSteps(
      { config: tinyRun({ accumulate, optimizer: smooth }, model), batches },
      { config: tinyRun({ accumulate, optimizer: smooth, mode: "rematerialized" }, model), batches },
    );
  });

  it.each(tinyMixers)("trains as the parallel one: %o", async (mixer) => {
    // Keys of equal tokens would be equally near, and rounding would choose among them.
    const batches = [1, 2].map((step) => [withoutRepeats(randomBatch(2, 12, step))]);
    await expectSameSteps(
      { config: tinyRun({ optimizer: smooth }, { mixer }), batches },
      { config: tinyRun({ optimizer: smooth, mode: "rematerialized" }, { mixer }), batches },
    );
  });

  it("carries gradients over segments", async () => {
    // Only the last segment counts, so what the first writes is learnt through the states between them.
    const batch = randomBatch(2, 12, 1);
    const weights = floatTensor(
      [2, 12],
      batch.weights.data.map((weight, i) => (i % 12 < 8 ? 0 : weight)),
    );
    const late = [[{ ...batch, weights }]];
    const parallel = await stepThrough(tinyRun({ optimizer: smooth }), late);
    expectSameTraining(await stepThrough(tinyRun({ optimizer: smooth, mode: "rematerialized" }), late), parallel);
  });

  it.each([16, 17, 66, 67])(
    "trains as the parallel one on %i segments, of whose states it keeps some",
    async (segments) => {
      const [model, length] = [{ memory: { update: "linear", shift: "token", cache: true } } as const, 4 * segments];
      const batches = [1, 2].map((step) => [randomBatch(2, length, step)]);
      await expectSameSteps(
        { config: tinyRun({ length, optimizer: smooth }, model), batches },
        { config: tinyRun({ length, optimizer: smooth, mode: "rematerialized" }, model), batches },
      );
    },
  );

  it.each([
    [16, 15], // every one but the first, which is empty
    [64, 31 + 1],
    [256, 63 + 3],
  ])("keeps few of the states of many segments: of %i, %i", async (segments, kept) => {
    const states = new Set<HostTensor | undefined>();
    const engine = watchedEngine(await testEngine(), "next.state.0.memory.M", (tensor) => states.add(tensor));
    const stepper = await stepperOf(tinyRun({ length: 4 * segments, mode: "rematerialized" }), { engine });
    await stepper.step([randomBatch(2, 4 * segments, 1)], RATE, 1);
    await stepper.dispose();
    expect(states.has(undefined)).toBe(false);
    expect(states.size).toBe(kept);
  });
});

describe("tokens that do not count in the loss", () => {
  const few = [{ task: "mqar" as const, share: 1, pairs: [2], vocabulary: 16 }];
  const batch = randomBatch(2, 12, 1);
  const weights = floatTensor(
    [2, 12],
    batch.weights.data.map((weight, i) => ([4, 11, 14, 20].includes(i) ? weight : 0)),
  );

  it.each([1, 2])("are left out of the logits alone, with %i batches a step", async (accumulate) => {
    const batches = [Array.from({ length: accumulate }, () => ({ ...batch, weights }))];
    await expectSameSteps(
      { config: tinyRun({ accumulate, optimizer: smooth }), batches },
      { config: tinyRun({ accumulate, optimizer: smooth, mixture: few }), batches },
    );
  });

  it("may be no fewer than the mixture promises", async () => {
    await expect(stepThrough(tinyRun({ mixture: few }), [[batch]])).rejects.toThrow(
      "count in the loss, expected 4 at most",
    );
  });
});

describe("a write penalty", () => {
  const batch = randomBatch(4, 12, 1);

  it("counts alike however the gradients are computed", async () => {
    const whole = { config: tinyRun({ batch: 4, writePenalty: 0.5, optimizer: smooth }), batches: [[batch]] };
    for (const mode of ["parallel", "rematerialized"] as const) {
      const config = tinyRun({ batch: 2, accumulate: 2, mode, writePenalty: 0.5, optimizer: smooth });
      await expectSameSteps(whole, { config, batches: [lanesOf(batch, 2)] });
    }
  });

  it("makes the memory write less, and is not part of the loss", async () => {
    const batches = Array.from({ length: 10 }, () => [batch]);
    const [free, dear] = [0, 5].map((writePenalty) => stepThrough(tinyRun({ batch: 4, writePenalty }), batches));
    const [first, second] = [(await free)?.results ?? [], (await dear)?.results ?? []];
    expect(second[0]?.loss).toBe(first[0]?.loss);
    expect(second[0]?.writeStrength).toBe(first[0]?.writeStrength);
    expect(second.at(-1)?.writeStrength).toBeLessThan(0.5 * (first.at(-1)?.writeStrength ?? 0));
  });
});

describe("a step", () => {
  it("clips gradients to a global norm", async () => {
    const batches = [[randomBatch(2, 12, 1)]];
    const moved = async (clipNorm: number): Promise<{ norm: number; steps: number[] }> => {
      const config = tinyRun({ clipNorm });
      const { results, state } = await stepThrough(config, batches, { optimizer: descent });
      return { norm: results[0]?.gradientNorm ?? 0, steps: differences(state, initialOf(config)).map((x) => x / RATE) };
    };
    const free = await moved(1e6);
    expect(norm(free.steps)).toBeCloseTo(free.norm, 4);
    for (const share of [0.5, 0.01, 2]) {
      const clipped = await moved(free.norm * share);
      expect(clipped.norm).toBe(free.norm);
      const expected = free.steps.map((x) => x * Math.min(1, share));
      expectClose(listOf(clipped.steps), listOf(expected), 1e-5);
    }
  });

  it("moves gates by their own rate and decays only matrices", async () => {
    const { state } = await stepThrough(tinyRun({ gateLearningRateFactor: 7 }), [[randomBatch(2, 12, 1)]], {
      optimizer: revealing,
    });
    const found = Object.entries(state).map(([name, { data }]) => [name, data[0]] as const);
    const expected = Object.entries(initialOf(tinyRun())).map(([name, { shape }]) => {
      const factor = /^params\.blocks\.\d\.attention\.gate$/.test(name) ? 7 : 1;
      return [name, shape.length === 2 ? 100 + factor : factor] as const;
    });
    expect(new Map(found)).toEqual(new Map(expected));
    expect(tensorOf(state, "params.blocks.0.attention.gate").data[0]).toBe(7);
    expect(tensorOf(state, "params.blocks.1.feedForward.gate").data[0]).toBe(101);
    expect(tensorOf(state, "params.finalNorm").data[0]).toBe(1);
    expect(tensorOf(state, "params.embedding").data[0]).toBe(101);
  });

  it("moves gates by so much more with AdamW", async () => {
    const config = tinyRun({ gateLearningRateFactor: 10, optimizer: { kind: "adamw", weightDecay: 0 } });
    const { state } = await stepThrough(config, [[randomBatch(2, 12, 1)]]);
    const farthest = (name: string): number =>
      Math.max(...differences(pick(state, name), pick(initialOf(config), name)));
    expect(farthest("params.blocks.0.attention.gate")).toBeCloseTo(10 * RATE, 3);
    expect(farthest("params.blocks.0.attention.query")).toBeCloseTo(RATE, 3);
    expect(farthest("params.finalNorm")).toBeCloseTo(RATE, 3);
  });

  it("gives the mean loss of what counts, whatever the scale of the weights", async () => {
    const batch = randomBatch(2, 12, 1);
    const stepper = await stepperOf(tinyRun({ accumulate: 1 }));
    const { loss } = await stepper.step([batch], RATE, 1);
    const scaled = {
      ...batch,
      weights: floatTensor(
        [2, 12],
        batch.weights.data.map((weight) => weight * 8),
      ),
    };
    expect((await stepper.step([scaled], RATE, 1)).loss).toBeCloseTo(loss, 5);
    expect(loss).toBeGreaterThan(0.5 * Math.log(16));
    expect(loss).toBeLessThan(2 * Math.log(16));
    await stepper.dispose();
  });

  it.each(["parallel", "rematerialized"] as const)(
    "of which nothing counts has no loss and moves nothing: %s",
    async (mode) => {
      const batch = { ...randomBatch(2, 12, 1), weights: floatTensor([2, 12], new Float32Array(24)) };
      const { results, state } = await stepThrough(tinyRun({ mode }), [[batch]], { optimizer: descent });
      expect(results).toMatchObject([{ loss: 0, gradientNorm: 0 }]);
      expect(state).toEqual(initialOf(tinyRun()));
    },
  );

  it("takes effect when it is kept, and not before", async () => {
    const stepper = await stepperOf(tinyRun());
    const before = copyOf(await stepper.state());
    const first = await stepper.step([randomBatch(2, 12, 1)], RATE, 1);
    expect(await stepper.state()).toEqual(before);
    expect(await stepper.step([randomBatch(2, 12, 1)], RATE, 1)).toEqual(first);
    stepper.keep();
    expect(await stepper.state()).not.toEqual(before);
    expect(await stepper.step([randomBatch(2, 12, 1)], RATE, 2)).not.toEqual(first);
    await stepper.dispose();
  });

  it("learns a batch by heart", async () => {
    const batch = [randomBatch(2, 12, 1)];
    const { results } = await stepThrough(
      tinyRun(),
      Array.from({ length: 60 }, () => batch),
    );
    expect(results[0]?.loss).toBeGreaterThan(2);
    expect(results.at(-1)?.loss).toBeLessThan(0.3);
  });
});

describe("createStepper", () => {
  it.each(["parallel", "rematerialized"] as const)("gives equal bits for an equal seed: %s", async (mode) => {
    const run = (seed: number): Promise<Training> => {
      const config = tinyRun({ seed, mode, accumulate: 2 });
      const batches = batchesOf(config);
      return stepThrough(
        config,
        [0, 1, 2].map((step) => [batches.at(2 * step), batches.at(2 * step + 1)]),
      );
    };
    const first = await run(1);
    expect(await run(1)).toEqual(first);
    const other = await run(2);
    expect(other.results).not.toEqual(first.results);
    expect(other.state).not.toEqual(first.state);
  });

  it("continues from a state, and does not change it or the parameters", async () => {
    const batches = [1, 2, 3].map((seed) => [randomBatch(2, 12, seed)]);
    const whole = await stepThrough(tinyRun(), batches);
    const { state } = await stepThrough(tinyRun(), batches.slice(0, 2));
    const { model: config, training } = tinyRun();
    const [model, engine, optimizer] = [createModel(config), await testEngine(), createOptimizer(training.optimizer)];
    const params = freshParams(model, createRng(99));
    const given = copyOf(state);
    const stepper = await createStepper({ model, params, optimizer, training, engine, state });
    await stepper.step(batches[2] ?? [], RATE, 3);
    stepper.keep();
    expect(await stepper.state()).toEqual(whole.state);
    expect(state).toEqual(given);
    expect(params).toEqual(freshParams(model, createRng(99)));
    await stepper.dispose();
  });

  it("begins with the parameters and a fresh optimizer", async () => {
    const stepper = await stepperOf(tinyRun({ optimizer: { kind: "adafactor" } }));
    const names = Object.keys(await stepper.state());
    expect(names).toContain("optimizer.embedding.row");
    expect(names).toContain("optimizer.finalNorm.v");
    const fresh = Object.entries(await stepper.state()).filter(([name]) => name.startsWith("optimizer."));
    expect(fresh.every(([, { data }]) => data.every((value) => value === 0))).toBe(true);
    await stepper.dispose();
  });
});

describe("a stepper on a device with its own memory", () => {
  it.each([
    { mode: "parallel", accumulate: 1 },
    { mode: "parallel", accumulate: 2 },
    { mode: "rematerialized", accumulate: 2 },
  ] as const)("trains as on the host, bit for bit: $mode, $accumulate batches a step", async (training) => {
    const config = tinyRun(training);
    const device = madeUpDevice(await testEngine());
    const batches = [1, 2, 3].map((step) =>
      Array.from({ length: training.accumulate }, (_, i) => randomBatch(2, 12, 3 * step + i)),
    );
    expect(await stepThrough(config, batches, { engine: device.engine })).toEqual(await stepThrough(config, batches));
    expect(device.tensors).toBe(0);
  });

  it("keeps weights and optimizer there: a step sends its batch and gets its loss", async () => {
    const device = madeUpDevice(await testEngine());
    const stepper = await stepperOf(tinyRun(), { engine: device.engine });
    for (const step of [1, 2]) {
      await stepper.step([randomBatch(2, 12, step)], RATE, step);
      stepper.keep();
    }
    const [before, tensors] = [{ ...device.moved }, device.tensors];
    await stepper.step([randomBatch(2, 12, 3)], RATE, 3);
    stepper.keep();
    const [tokens, rates, numbers] = [24, 4, 3]; // what a step gives: loss, norm and strength of the writes
    expect(device.moved).toEqual({
      toDevice: before.toDevice + 4 * (3 * tokens + rates),
      toHost: before.toHost + 4 * numbers,
    });
    expect(device.tensors).toBe(tensors);
    await stepper.dispose();
  });
});

// --- internal ---

/** Plain gradient descent. */
const descent: Optimizer = {
  init: () => ({}),
  update: ({ parameter, gradient, clip, learningRate }) => ({
    parameter: sub(parameter, mul(mul(learningRate, clip), gradient)),
    state: {},
  }),
};

/** Makes every parameter the factor of its group, plus 100 where it decays. */
const revealing: Optimizer = {
  init: () => ({}),
  update: ({ parameter, group }) => ({
    parameter: add(mul(parameter, 0), group.learningRateFactor + (group.decay ? 100 : 0)),
    state: {},
  }),
};

interface Training {
  readonly results: readonly StepResult[];
  readonly state: TrainingState;
}

/** Steps with batches, one list for each. */
async function stepThrough(
  config: RunConfig,
  batches: readonly (readonly Batch[])[],
  from: { optimizer?: Optimizer; state?: TrainingState; engine?: Engine } = {},
): Promise<Training> {
  const stepper = await stepperOf(config, from);
  const results: StepResult[] = [];
  for (const [i, batch] of batches.entries()) {
    results.push(await stepper.step(batch, RATE, i + 1));
    stepper.keep();
  }
  const state = await stepper.state();
  await stepper.dispose();
  return { results, state };
}

interface Run {
  readonly config: RunConfig;
  readonly batches: readonly (readonly Batch[])[];
}

/** Fails unless two runs agree on each step. Each begins where the first run stands, since rounding grows. */
async function expectSameSteps(first: Run, second: Run): Promise<void> {
  let from: { state?: TrainingState } = {};
  for (const step of first.batches.keys()) {
    const expected = await stepThrough(first.config, first.batches.slice(step, step + 1), from);
    expectSameTraining(await stepThrough(second.config, second.batches.slice(step, step + 1), from), expected);
    from = { state: expected.state };
  }
}

function expectSameTraining(actual: Training, expected: Training): void {
  for (const kind of ["loss", "gradientNorm", "writeStrength"] as const) {
    const values = ({ results }: Training): ReturnType<typeof listOf> =>
      listOf(results.map((result) => result[kind] ?? -1));
    expectClose(values(actual), values(expected), 1e-5);
  }
  expect(Object.keys(actual.state)).toEqual(Object.keys(expected.state));
  for (const [name, tensor] of Object.entries(expected.state)) expectClose(actual.state[name], tensor, 2e-5);
}

/** The batch with other tokens, each at most once in a lane. */
function withoutRepeats(batch: Batch): Batch {
  const [lanes = 0, length = 0] = batch.tokens.shape;
  const tokens = Int32Array.from(
    { length: lanes * length },
    (_, i) => (3 * Math.floor(i / length) + 5 * (i % length)) % 16,
  );
  return { ...batch, tokens: intTensor([lanes, length], tokens) };
}

/** A batch cut into several with so many lanes each. */
function lanesOf({ tokens, targets, weights, startOfSequence }: Batch, lanes: number): Batch[] {
  const [total = 0, length = 0] = tokens.shape;
  return Array.from({ length: total / lanes }, (_, i) => {
    const [from, to] = [i * lanes * length, (i + 1) * lanes * length];
    return {
      tokens: intTensor([lanes, length], tokens.data.slice(from, to)),
      targets: intTensor([lanes, length], targets.data.slice(from, to)),
      weights: floatTensor([lanes, length], weights.data.slice(from, to)),
      startOfSequence: intTensor([lanes], startOfSequence.data.slice(i * lanes, (i + 1) * lanes)),
    };
  });
}

function initialOf({ model, training }: RunConfig): Record<string, HostTensor> {
  const params = freshParams(createModel(model), createRng(training.seed).fork("params"));
  return { ...initialTrainingState(params, descent) };
}

function pick(state: TrainingState, name: string): TrainingState {
  return { [name]: tensorOf(state, name) };
}

/** Distances between the elements of two states. */
function differences(a: TrainingState, b: TrainingState): number[] {
  return Object.entries(b).flatMap(([name, { data }]) =>
    Array.from(data, (value, i) => Math.abs((a[name]?.data[i] ?? Number.NaN) - value)),
  );
}

function norm(values: readonly number[]): number {
  return Math.hypot(...values);
}

function listOf(data: readonly number[]): { shape: number[]; data: readonly number[] } {
  return { shape: [data.length], data };
}

/** An engine that tells where each run that has this output writes it to. */
function watchedEngine(engine: Engine, output: string, onWritten: (tensor: HostTensor | undefined) => void): Engine {
  return withRuns(engine, (graph, program, feeds, into = {}) => {
    if (graph.outputs[output]) onWritten(into[output]);
    return program.run(feeds, into);
  });
}
