import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { expectClose } from "../engine/engine.suite.ts";
import { createNodeEngine } from "../engine/ort-node.ts";
import { evaluate, type NumericTensor } from "../engine/reference.ts";
import { floatTensor } from "../graph/host-tensor.ts";
import { decodeSafetensors, encodeSafetensors } from "../model/safetensors.ts";
import { createRng } from "../random.ts";
import {
  applyGraph, gradientGraph, newReader, noisyParams, randomValues, readInChunks, stateValues, takeLane, takeRows, withoutNext,
  type Values,
} from "./mixer.fixtures.ts";
import type { SequenceMixer } from "./mixer.ts";

export interface MixerSuiteOptions {
  readonly mixer: SequenceMixer;
  readonly modelDim: number;
  readonly segmentLength: number;
  /** Independent outputs [1, T, D] for one lane x [1, T, D] that starts from nothing. */
  naive(params: Values, x: NumericTensor): NumericTensor;
}

const SEGMENTS = 3;
const BATCH = 2;
/** Of float64 against float64, where only the order of additions differs. */
const EXACT = 1e-9;

/** What every sequence mixer must do; see {@link SequenceMixer}. */
export function mixerSuite(name: string, options: MixerSuiteOptions): void {
  const { mixer, modelDim: D, segmentLength: N } = options;
  const params = noisyParams(mixer, 1);
  const T = SEGMENTS * N;
  const x = randomValues([BATCH, T, D], createRng(2));
  const whole = applyGraph(mixer, BATCH, T, D);
  const fresh = stateValues(mixer, BATCH);
  const expected = evaluate(whole, { ...params, ...fresh, x });
  const read = (chunks: readonly number[], rows?: number) =>
    readInChunks(mixer, params, x, { from: newReader(mixer, BATCH), chunks, segmentLength: N, ...(rows && { rows }) });

  describe(name, () => {
    it("starts from a state of zeros", () => {
      for (const { data } of Object.values(newReader(mixer, BATCH).open)) expect(Array.from(data).every((value) => value === 0)).toBe(true);
    });

    it("equals the naive form, a tail that fills no segment included", () => {
      for (const length of [T, T - 1, N + 1, N - 1, 1]) {
        const lane = takeRows(takeLane(x, 0), 0, length);
        const { y } = readInChunks(mixer, params, lane, { from: newReader(mixer, 1), chunks: [N], segmentLength: N });
        expectClose(y, options.naive(params, lane), EXACT);
      }
      expectClose(takeLane(expected.y ?? x, 0), options.naive(params, takeLane(x, 0)), EXACT);
    });

    it("gives the same in float32 on ONNX Runtime", async () => {
      const program = await (await createNodeEngine()).compile(whole);
      const results = await program.run({ ...params, ...fresh, x } as Parameters<typeof program.run>[0]);
      for (const [output, value] of Object.entries(expected)) expectClose(results[output], value, 2e-4);
      await program.dispose();
    });

    it("reads segment by segment what it reads at once", () => {
      const one = applyGraph(mixer, BATCH, N, D);
      let state: Values = fresh;
      for (let s = 0; s < SEGMENTS; s++) {
        const { y, ...next } = evaluate(one, { ...params, ...state, x: takeRows(x, s * N, N) });
        expectClose(y, takeRows(expected.y ?? x, s * N, N), EXACT);
        state = withoutNext(next);
      }
      for (const [leaf, value] of Object.entries(state)) expectClose(value, expected[`next.${leaf}`] ?? x, EXACT);
    });

    it("reads token by token what it reads at once", () => {
      const { y, reader } = read([1], 1);
      expectClose(y, expected.y ?? x, EXACT);
      for (const leaf of Object.keys(fresh)) expectClose(reader.open[leaf], expected[`next.${leaf}`] ?? x, EXACT);
    });

    it("reads in chunks of any size what it reads at once", () => {
      fc.assert(
        fc.property(fc.array(fc.integer({ min: 1, max: N }), { minLength: 1, maxLength: 5 }), (chunks) => {
          const { y, reader } = read(chunks);
          expectClose(y, expected.y ?? x, EXACT);
          for (const leaf of Object.keys(fresh)) expectClose(reader.open[leaf], expected[`next.${leaf}`] ?? x, EXACT);
        }),
        { numRuns: 8 },
      );
    });

    it("does not look ahead", () => {
      for (const t of [1, N - 1, N, T - 1]) {
        const changed = evaluate(whole, { ...params, ...fresh, x: changedFrom(x, t) }).y ?? x;
        expect(Array.from(takeRows(changed, 0, t).data)).toEqual(Array.from(takeRows(expected.y ?? x, 0, t).data));
        expect(Array.from(takeRows(changed, t, 1).data)).not.toEqual(Array.from(takeRows(expected.y ?? x, t, 1).data));
      }
    });

    it("looks back beyond its segment", () => {
      const changed = evaluate(whole, { ...params, ...fresh, x: changedRow(x, 0) }).y ?? x;
      expect(Array.from(takeRows(changed, T - N, N).data)).not.toEqual(Array.from(takeRows(expected.y ?? x, T - N, N).data));
    });

    it("keeps the lanes of a batch apart", () => {
      const single = applyGraph(mixer, 1, T, D);
      for (let lane = 0; lane < BATCH; lane++) {
        const alone = evaluate(single, { ...params, ...stateValues(mixer, 1), x: takeLane(x, lane) });
        for (const [output, value] of Object.entries(expected)) expectClose(takeLane(value, lane), alone[output] ?? x, EXACT);
      }
    });

    it("forgets a lane whose state is zeroed, and only that one", () => {
      const after = withoutNext(expected);
      const zeroed = Object.fromEntries(Object.entries(after).map(([leaf, value]) => [leaf, zeroLane(value, 0)]));
      const [restarted, fromNothing, goneOn] = [zeroed, fresh, after].map((state) => evaluate(whole, { ...params, ...state, x }).y ?? x);
      expectClose(takeLane(restarted ?? x, 0), takeLane(fromNothing ?? x, 0), EXACT);
      expectClose(takeLane(restarted ?? x, 1), takeLane(goneOn ?? x, 1), EXACT);
    });

    it("keeps a state of one size", () => {
      const shapes = (values: Values): string[] => Object.entries(values).map(([leaf, { shape }]) => `${leaf} ${shape}`).toSorted();
      const { open } = read([N]).reader;
      expect(shapes(open)).toEqual(shapes(newReader(mixer, BATCH).open));
    });

    it("goes on from a state that was saved in the middle of a segment", () => {
      const at = N + 1;
      const parts = [takeRows(x, 0, at), takeRows(x, at, T - at)] as const;
      const before = readInChunks(mixer, params, parts[0], { from: newReader(mixer, BATCH), chunks: [N], segmentLength: N }).reader;
      const file = encodeSafetensors(float32(before.open), {});
      const open = { ...decodeSafetensors(file, "state").tensors };
      const after = readInChunks(mixer, params, parts[1], { from: { open, position: at }, chunks: [N], segmentLength: N });
      expectClose(after.y, takeRows(expected.y ?? x, at, T - at), 1e-5);
    });

    it("has the gradients that central differences give, through the memory and into the state before", () => {
      const graph = gradientGraph(mixer, 1, T, D);
      const rng = createRng(3);
      const lane = Object.fromEntries(Object.entries(withoutNext(expected)).map(([leaf, value]) => [leaf, takeLane(value, 0)]));
      const cotangents = ["y", ...Object.keys(lane)].map((leaf) => [`cotangent.${leaf}`, randomValues((leaf === "y" ? takeLane(x, 0) : lane[leaf])?.shape ?? [], rng)] as const);
      const feeds: Values = { ...params, ...lane, x: takeLane(x, 1), ...Object.fromEntries(cotangents) };
      const results = evaluate(graph, feeds);
      for (const leaf of [...Object.keys(params), ...Object.keys(lane), "x"]) {
        const value = feeds[leaf] ?? x;
        for (let probe = 0; probe < 3; probe++) {
          const i = rng.integer(value.data.length);
          const lossAt = (shift: number): number => evaluate(graph, { ...feeds, [leaf]: moved(value, i, shift) }).loss?.data[0] ?? NaN;
          const slope = (lossAt(STEP) - lossAt(-STEP)) / (2 * STEP);
          const got = results[`gradient.${leaf}`]?.data[i] ?? NaN;
          expect(Math.abs(got - slope), `${leaf}[${i}]: ${got}, by differences ${slope}`).toBeLessThan(1e-5 * (1 + Math.abs(slope)));
        }
      }
    });
  });
}

// --- internal ---

const STEP = 1e-5;

function moved({ shape, data }: NumericTensor, i: number, by: number): NumericTensor {
  return { shape, data: Array.from(data).with(i, (data[i] ?? 0) + by) };
}

/** With other values from token t on. */
function changedFrom({ shape, data }: NumericTensor, t: number): NumericTensor {
  const [, T = 0, D = 1] = shape;
  return { shape, data: Array.from(data, (value, i) => (Math.floor(i / D) % T >= t ? value + 1 : value)) };
}

function changedRow({ shape, data }: NumericTensor, t: number): NumericTensor {
  const [, T = 0, D = 1] = shape;
  return { shape, data: Array.from(data, (value, i) => (Math.floor(i / D) % T === t ? value + 1 : value)) };
}

function zeroLane({ shape, data }: NumericTensor, lane: number): NumericTensor {
  const size = data.length / (shape[0] ?? 1);
  return { shape, data: Array.from(data, (value, i) => (Math.floor(i / size) === lane ? 0 : value)) };
}

function float32(values: Values): Record<string, ReturnType<typeof floatTensor>> {
  return Object.fromEntries(Object.entries(values).map(([leaf, { shape, data }]) => [leaf, floatTensor(shape, Float32Array.from(data))]));
}
