import { describe, expect, it } from "vitest";
import type { Batch } from "../data/batch.ts";
import { floatTensor, intTensor } from "../graph/host-tensor.ts";
import { batchesOf, copyOf, randomBatch, stepperOf, testEngine, tinyRun } from "./fixtures.ts";
import { decodeRunState, encodeRunState } from "./run-state.ts";
import { runTraining, startOfRun, type RunPosition } from "./run.ts";

const LENGTH = 12;

describe("a memory that is carried from step to step", () => {
  const carrying = tinyRun({ carry: 0.9 });

  it("reads two sequences as if they were one", async () => {
    const long = randomBatch(2, 2 * LENGTH, 1);
    const whole = await (await stepperOf(tinyRun({ length: 2 * LENGTH }))).step([secondHalfCounts(long)], 0, 1);
    const stepper = await stepperOf(carrying);
    await stepper.step([half(long, 0, [1, 1])], 0, 1);
    stepper.keep();
    const { loss } = await stepper.step([half(long, 1, [0, 0])], 0, 2);
    expect(loss).toBeCloseTo(whole.loss, 5);
  });

  it("starts anew in the lanes that say so, and only in those", async () => {
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

  it("is drawn with the probability that the config names", () => {
    const config = tinyRun({ carry: 0.75, batch: 4 });
    const flags = Array.from({ length: 200 }, (_, i) => [...batchesOf(config).at(i).startOfSequence.data]).flat();
    expect(flags.reduce((a, b) => a + b) / flags.length).toBeCloseTo(0.25, 1);
    expect([...batchesOf(tinyRun()).at(3).startOfSequence.data]).toEqual([1, 1]);
  });

  it("is part of a checkpoint: a run goes on bit-equal from every step, across stages too", async () => {
    const config = tinyRun({
      carry: 0.9,
      curriculum: [
        { until: 2, batch: 1, length: 8 },
        { until: 4, batch: 4, length: 8, carry: 0.5 },
      ],
      checkpointEvery: 1,
    });
    const tokens = Uint8Array.from({ length: 500 }, (_, i) => (i * i) % 13);
    const options = { config, documents: [{ name: "noise", tokens }], engine: await testEngine() };
    const saved: { step: number; file: Uint8Array }[] = [];
    const save = async ({ state, step }: RunPosition): Promise<void> =>
      void saved.push({ step, file: encodeRunState(state, step, config) });
    const end = copyOf((await runTraining({ ...options, save })).state);
    expect(Object.keys(end).some((name) => name.startsWith("memory."))).toBe(true);
    for (const { file, step } of saved) {
      const from = decodeRunState(file, startOfRun(config).state, config, "checkpoint");
      expect(from.step).toBe(step);
      expect(copyOf((await runTraining({ ...options, from })).state)).toEqual(end);
    }
  });

  it("needs one graph for the whole step", () => {
    expect(() => tinyRun({ carry: 0.5, mode: "rematerialized" })).toThrow(/carry: needs mode parallel/);
    expect(() => tinyRun({ carry: 0.5, accumulate: 2 })).toThrow(/carry: needs mode parallel/);
  });
});

// --- internal ---

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
