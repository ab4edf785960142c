import { describe, expect, it } from "vitest";
import type { Batch } from "./data/batch.ts";
import { createBatches } from "./data/batches.ts";
import type { Document } from "../text/document.ts";
import { floatTensor, intTensor } from "../tensor/host-tensor.ts";
import type { RunConfig } from "./config.ts";
import { batchesOf, copyOf, randomBatch, stepperOf, testEngine, tinyRun } from "./fixtures.ts";
import { decodeRunState, encodeRunState } from "./run-state.ts";
import { runTraining, startOfRun, type RunPosition } from "./run.ts";

const LENGTH = 12;

const readsDocuments = { mixture: [{ task: "documents" as const, share: 1 }] };

describe.each([
  ["by chance", tinyRun({ carry: 0.9 })],
  ["with documents", tinyRun(readsDocuments)],
])("a memory that is carried from step to step %s", (_, carrying) => {
  it("reads two sequences as if they were one", async () => {
    const long = randomBatch(2, 2 * LENGTH, 1);
    const whole = await (await stepperOf(tinyRun({ length: 2 * LENGTH }))).step([secondHalfCounts(long)], 0, 1);
    const stepper = await stepperOf(carrying);
    await stepper.step([half(long, 0, [1, 1])], 0, 1);
    stepper.keep();
    const { loss } = await stepper.step([half(long, 1, [0, 0])], 0, 2);
    expect(loss).toBeCloseTo(whole.loss, 5);
  });

  it("starts again in the lanes that say so, and only in those", async () => {
    const [before, batch] = [randomBatch(2, LENGTH, 2), randomBatch(2, LENGTH, 3)];
    const lossOf = async (flags: number[], first?: Batch): Promise<number> => {
      const stepper = await stepperOf(carrying);
      if (first) {
        await stepper.step([first], 0, 1);
        stepper.keep();
      }
      return (await stepper.step([withStarts(batch, flags)], 0, 2)).loss;
    };
    const fresh = await lossOf([1, 1]);
    expect(await lossOf([1, 1], before)).toBe(fresh);
    const [first, second, both] = [
      await lossOf([0, 1], before),
      await lossOf([1, 0], before),
      await lossOf([0, 0], before),
    ];
    expect(first).not.toBeCloseTo(fresh, 4);
    expect(second).not.toBeCloseTo(fresh, 4);
    expect(first + second - fresh).toBeCloseTo(both, 5);
  });
});

describe("documents that are read from start to end", () => {
  it("lose what they lose in one long sequence", async () => {
    const losses = async (length: number): Promise<number[]> =>
      lossesOf(tinyRun({ ...readsDocuments, length, batch: 1 }), 25);
    const [whole] = await losses(24);
    const [first = 0, second = 0] = await losses(12);
    expect((first + second) / 2).toBeCloseTo(whole ?? 0, 5);
  });

  it("lose for each token that counts, however much is padding", async () => {
    const losses = async (length: number): Promise<number[]> =>
      lossesOf(tinyRun({ ...readsDocuments, length, batch: 1 }), 5);
    const [padded] = await losses(12);
    const [full] = await losses(4);
    expect(padded).toBeCloseTo(full ?? 0, 5);
  });

  it("start again at the first step of a stage", async () => {
    const standing = { ...readsDocuments, learningRate: 1e-30, batch: 1 };
    const config = tinyRun({ ...standing, steps: 3, curriculum: [{ until: 2, batch: 2, length: 12 }] });
    const documents = noise(3, 70);
    const losses: number[] = [];
    await runTraining({
      config,
      documents,
      engine: await testEngine(),
      onStep: ({ loss }) => void losses.push(loss),
    });
    const start = createBatches({ ...config.training, documents, first: 2 }).at(2);
    expect(losses[2]).toBe((await (await stepperOf(config)).step([start], 0, 3)).loss);
  });
});

describe("a carried memory", () => {
  it("is drawn with the probability that the config names", () => {
    const config = tinyRun({ carry: 0.75, batch: 4 });
    const flags = Array.from({ length: 200 }, (_, i) => [...batchesOf(config).at(i).startOfSequence.data]).flat();
    expect(flags.reduce((a, b) => a + b) / flags.length).toBeCloseTo(0.25, 1);
    expect([...batchesOf(tinyRun()).at(3).startOfSequence.data]).toEqual([1, 1]);
  });

  const short = { batch: 1, length: 8 };
  const savesAll = { steps: 4, checkpointEvery: 1 };
  const chances = [
    { until: 1, ...short },
    { until: 3, batch: 4, length: 8, carry: 0.5 },
  ];
  it.each<[string, RunConfig]>([
    ["by chance", tinyRun({ ...savesAll, steps: 5, carry: 0.9, curriculum: chances }, { numLayers: 1 })],
    ["documents", tinyRun({ ...savesAll, ...readsDocuments, curriculum: [{ until: 2, ...short }] }, { numLayers: 1 })],
    [
      "segments of another length",
      tinyRun(
        { ...savesAll, ...readsDocuments, curriculum: [{ until: 2, ...short, segmentLength: 2 }] },
        { numLayers: 1, memory: { cache: true } },
      ),
    ],
  ])("lets a run continue bit-equal from every checkpoint, across stages too: %s", async (_, config) => {
    const options = { config, documents: noise(3, 70), engine: await testEngine() };
    const saved: { step: number; file: Uint8Array }[] = [];
    const save = async ({ state, step }: RunPosition): Promise<void> =>
      void saved.push({ step, file: encodeRunState(state, step, config) });
    const end = copyOf((await runTraining({ ...options, save })).state);
    expect(Object.keys(end).some((name) => name.startsWith("memory."))).toBe(true);
    expect(saved).toHaveLength(config.training.steps);
    for (const { file, step } of saved) {
      const from = decodeRunState(file, startOfRun(config).state, config, "checkpoint");
      expect(from.step).toBe(step);
      expect(copyOf((await runTraining({ ...options, from })).state)).toEqual(end);
    }
  });

  it("needs one graph for the whole step", () => {
    expect(() => tinyRun({ carry: 0.5, mode: "rematerialized" })).toThrow(/carry: needs mode parallel/);
    expect(() => tinyRun({ carry: 0.5, accumulate: 2 })).toThrow(/carry: needs mode parallel/);
    const documents = /training\.mixture: the task documents carries .* needs mode parallel, and accumulate 1/;
    expect(() => tinyRun({ ...readsDocuments, mode: "rematerialized" })).toThrow(documents);
    expect(() => tinyRun({ curriculum: [{ until: 2, ...short, ...readsDocuments }], accumulate: 2 })).toThrow(
      documents,
    );
  });
});

// --- internal ---

function noise(count: number, length: number): Document[] {
  return Array.from({ length: count }, (_, i) => ({
    name: `noise ${i}`,
    tokens: Uint8Array.from({ length }, (_unused, j) => ((i + 2) * j * j + j) % 13),
  }));
}

/** The losses of the first two steps, at a learning rate of zero, with a document of some tokens. */
async function lossesOf(config: RunConfig, tokens: number): Promise<number[]> {
  const batches = createBatches({ ...config.training, documents: noise(1, tokens) });
  const stepper = await stepperOf(config);
  const losses: number[] = [];
  for (const step of [1, 2]) {
    losses.push((await stepper.step([batches.at(step - 1)], 0, step)).loss);
    stepper.keep();
  }
  return losses;
}

function withStarts(batch: Batch, flags: readonly number[]): Batch {
  return { ...batch, startOfSequence: intTensor([flags.length], Int32Array.from(flags)) };
}

/** Tokens of the first (0) or second (1) half of a batch of two lanes. */
function half({ tokens, targets, weights }: Batch, which: number, flags: readonly number[]): Batch {
  const cut = (data: Int32Array | Float32Array): number[] =>
    [0, 1].flatMap((lane) => Array.from(data.slice((2 * lane + which) * LENGTH, (2 * lane + which + 1) * LENGTH)));
  return {
    tokens: intTensor([2, LENGTH], Int32Array.from(cut(tokens.data))),
    targets: intTensor([2, LENGTH], Int32Array.from(cut(targets.data))),
    weights: floatTensor([2, LENGTH], Float32Array.from(cut(weights.data))),
    startOfSequence: intTensor([2], Int32Array.from(flags)),
  };
}

function secondHalfCounts(batch: Batch): Batch {
  const data = batch.weights.data.map((weight, i) => (Math.floor(i / LENGTH) % 2 === 1 ? weight : 0));
  return { ...batch, weights: floatTensor(batch.weights.shape, data) };
}
