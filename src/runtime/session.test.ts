import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MEMORY_UPDATES } from "../mixers/infini/config.ts";
import type { Engine } from "../engine/engine.ts";
import { madeUpDevice, withRuns } from "../engine/fixtures.ts";
import { createNodeEngine } from "../engine/ort/ort-node.ts";
import type { Graph } from "../graph/graph.ts";
import { floatTensor } from "../tensor/host-tensor.ts";
import { tinyMixers } from "../model/fixtures.ts";
import { decodeSafetensors, encodeSafetensors, SafetensorsError } from "../tensor/safetensors.ts";
import { stateBytes } from "../model/cost.ts";
import type { LoadedModel } from "../model/transformer.ts";
import { randomTokens, SEGMENT, tinyModel, type Mixing } from "./fixtures.ts";
import { commitProgram } from "./programs.ts";
import { SessionError, type LaneTokens } from "./lane-tokens.ts";
import { createSession, type Session } from "./session.ts";

const LENGTH = 23; // five segments and a rest
const TOLERANCE = 2e-5;
let engine: Engine;

beforeAll(async () => {
  engine = await createNodeEngine({ threads: 1 });
});

interface Mixed {
  readonly name: string;
  readonly mixing: Mixing;
  /** Whether it sees what lies any number of tokens back. */
  readonly remembers: boolean;
  /** Largest distance between logits that differ only in the order of additions. */
  readonly tolerance: number;
}
const models: Mixed[] = [
  ...MEMORY_UPDATES.map((update) => ({
    name: `${update} memory`,
    mixing: { memory: { update } },
    remembers: update !== "none",
    tolerance: TOLERANCE,
  })),
  ...tinyMixers.map((mixer) => ({
    name: JSON.stringify(mixer),
    mixing: { mixer },
    remembers: ["recurrent-memory", "mamba2", "gated-deltanet"].includes(mixer.kind),
    tolerance: 1e-4, // large weights through an inverse, as in a Gated DeltaNet
  })),
  {
    name: "a memory of one head and windows",
    mixing: {
      numKeyValueHeads: 2,
      layers: [{ memory: { heads: [1] } }, { mixer: { kind: "window", windowLength: 8 } }],
    },
    remembers: true,
    tolerance: 1e-4,
  },
];

describe.each(
  models.flatMap((model, i) => (i < MEMORY_UPDATES.length ? [1, 2] : [2]).map((batch) => ({ ...model, batch }))),
)("a session with $name and $batch lanes", ({ mixing, batch, remembers, tolerance }) => {
  const loaded = tinyModel(mixing);
  const lanes = Array.from({ length: batch }, (_, lane) => randomTokens(LENGTH + 1, lane));
  const cut = (start: number, end: number): readonly Int32Array[] => lanes.map((lane) => lane.subarray(start, end));
  const sessions = new Map<number, Session>();
  const fresh = (blockLength = 1024): Session => {
    const session = sessions.get(blockLength) ?? createSession({ loaded, engine, batch, blockLength });
    sessions.set(blockLength, session);
    void session.reset(); // runs before all later calls
    return session;
  };
  let losses: Float32Array;
  let logits: Float32Array[];

  beforeAll(async () => {
    losses = await fresh().score(cut(0, LENGTH), cut(1, LENGTH + 1));
    logits = [];
    for (let end = 1; end <= LENGTH; end++) logits.push(await fresh().prefill(cut(0, end)));
  });
  afterAll(async () => {
    for (const session of sessions.values()) await session.dispose();
  });

  it("scores every token of every lane, with different scores", () => {
    expect(losses.length).toBe(batch * LENGTH);
    expect(new Set(losses.map((loss) => Math.round(loss * 1e4))).size).toBeGreaterThan(batch * LENGTH * 0.8);
  });

  it("scores what the logits say", () => {
    lanes.forEach((lane, at) => {
      for (let i = 0; i < LENGTH; i++) {
        expect(losses[at * LENGTH + i]).toBeCloseTo(crossEntropy(laneOf(logits[i], at, batch), lane[i + 1] ?? -1), 4);
      }
    });
  });

  it("gives the same logits step by step", async () => {
    const session = fresh();
    for (let i = 0; i < LENGTH; i++) {
      const tokens = lanes.map((lane) => lane[i] ?? 0);
      expectNear(await session.step(batch === 1 ? (tokens[0] ?? 0) : tokens), logits[i], tolerance);
      expect(session.position).toBe(i + 1);
    }
  });

  it("gives the same losses and logits in any chunks and blocks", async () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 1, maxLength: 8 });
    const blocks = fc.constantFrom(1, SEGMENT, 2 * SEGMENT, 3 * SEGMENT + 1, 1024);
    await fc.assert(
      fc.asyncProperty(cuts, blocks, async (sizes, blockLength) => {
        const ends = endsOf(sizes, LENGTH);
        const scorer = fresh(blockLength);
        const parts: Float32Array[] = [];
        for (const [start, end] of ends) {
          parts.push(await scorer.score(cut(start, end), cut(start + 1, end + 1)));
          expect(scorer.position).toBe(end);
        }
        const scored = lanes.flatMap((_, lane) => parts.flatMap((part) => [...laneOf(part, lane, batch)]));
        expectNear(Float32Array.from(scored), losses, tolerance);
        const reader = fresh(blockLength);
        for (const [start, end] of ends) expectNear(await reader.prefill(cut(start, end)), logits[end - 1], tolerance);
        const silent = fresh(blockLength);
        for (const [i, [start, end]] of ends.entries()) {
          if (i % 2 === 1) expectNear(await silent.prefill(cut(start, end)), logits[end - 1], tolerance);
          else await silent.read(cut(start, end));
          expect(silent.position).toBe(end);
        }
        const speaker = fresh(blockLength);
        for (const [start, end] of ends) {
          const all = await speaker.logits(cut(start, end));
          expectNear(all, inLanes(logits.slice(start, end), batch), tolerance);
          expect(speaker.position).toBe(end);
        }
      }),
      { numRuns: 12 },
    );
  });

  it("continues from a saved state as if it had not been saved, bit for bit", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(LENGTH - 1), async (place) => {
        const session = fresh();
        if (place > 0) await session.prefill(cut(0, place));
        const saved = await session.save();
        const expected = await session.prefill(cut(place, LENGTH));
        const end = await session.save();
        const other = fresh(2 * SEGMENT);
        await other.prefill(cut(3, 9));
        await other.load(saved, "saved");
        expect(other.position).toBe(place);
        expect(await other.save()).toEqual(saved);
        const again = fresh();
        await again.load(saved, "saved");
        expect(await again.prefill(cut(place, LENGTH))).toEqual(expected);
        expect(await again.save()).toEqual(end);
      }),
      { numRuns: 8 },
    );
  });

  it("continues from a snapshot any number of times, bit for bit, whatever was read in between", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(LENGTH - 1), fc.integer({ min: 1, max: 9 }), async (place, aside) => {
        const session = fresh();
        if (place > 0) await session.prefill(cut(0, place));
        const snapshot = await session.snapshot();
        const saved = await session.save();
        const expected = await session.prefill(cut(place, LENGTH));
        for (const other of [session, fresh(2 * SEGMENT)]) {
          await other.prefill(cut(0, aside));
          await other.restore(snapshot);
          expect(other.position).toBe(place);
          expect(await other.save()).toEqual(saved);
          const read = await other.prefill(cut(place, LENGTH));
          if (other === session) expect(read).toEqual(expected);
          else expectNear(read, expected, tolerance);
        }
      }),
      { numRuns: 8 },
    );
  });

  it("forgets everything on reset", async () => {
    const blank = await fresh().save();
    const session = fresh();
    await session.prefill(cut(2, 12));
    expect(await session.save()).not.toEqual(blank);
    await session.reset();
    expect(session.position).toBe(0);
    expect(await session.save()).toEqual(blank);
    expect(await session.score(cut(0, LENGTH), cut(1, LENGTH + 1))).toEqual(losses);
  });

  it("keeps the same number of bytes at every length", async () => {
    const session = fresh();
    const size = session.stateBytes;
    expect(size).toBe(stateBytes(loaded.model.config, batch));
    for (let i = 0; i < LENGTH; i++) {
      await session.prefill(cut(i, i + 1));
      const kept = Object.values(decodeSafetensors(await session.save(), "saved").tensors);
      expect(kept.reduce((sum, { data }) => sum + data.byteLength, 0)).toBe(size);
      expect(session.stateBytes).toBe(size);
    }
  });

  it.runIf(remembers)("depends on a token that only the memory can know", async () => {
    const changed = lanes.map((lane) => lane.with(0, ((lane[0] ?? 0) + 1) % 20));
    const session = fresh();
    const other = await session.prefill(changed.map((lane) => lane.subarray(0, LENGTH)));
    expect(distance(other, logits.at(-1))).toBeGreaterThan(10 * TOLERANCE);
  });

  it("reports its progress, up to all tokens", async () => {
    const seen: number[] = [];
    await fresh(2 * SEGMENT).prefill(cut(0, LENGTH), (done) => seen.push(done));
    expect(seen).toEqual([8, 16, 20, 23]);
  });
});

describe("a session of two lanes", () => {
  it("reads each as a session of one does", async () => {
    const loaded = tinyModel();
    const lanes = [randomTokens(LENGTH, 1), randomTokens(LENGTH, 2)];
    const both = await createSession({ loaded, engine, batch: 2 }).prefill(lanes);
    for (const [at, lane] of lanes.entries()) {
      expectNear(laneOf(both, at, 2), await createSession({ loaded, engine }).prefill(lane));
    }
  });
});

describe("a session on a device with its own memory", () => {
  const lanes = [randomTokens(LENGTH, 1), randomTokens(LENGTH, 2)];
  const parts = [2, 10, 11, 12, 19, LENGTH].map((end, i, ends) => {
    const start = ends[i - 1] ?? 0;
    return lanes.map((lane) => lane.subarray(start, end));
  });

  it.each(models)("computes the same as a session on the host, with $name", async ({ mixing, tolerance }) => {
    const loaded = tinyModel(mixing);
    const device = madeUpDevice(engine);
    const onHost = createSession({ loaded, engine, batch: 2 });
    const onDevice = createSession({ loaded, engine: device.engine, batch: 2 });
    for (const part of parts) expectNear(await onDevice.prefill(part), await onHost.prefill(part), tolerance);
    const [again = []] = parts;
    const [saved, snapshot] = [await onDevice.save(), await onDevice.snapshot()];
    const further = await onDevice.prefill(again);
    await onDevice.restore(snapshot);
    expect(await onDevice.prefill(again)).toEqual(further);
    await onDevice.load(saved, "saved");
    expect(await onDevice.prefill(again)).toEqual(further);
    await onHost.load(saved, "saved");
    expectNear(await onHost.prefill(again), further, tolerance);
    for (const session of [onHost, onDevice]) await session.reset();
    expectNear(await onDevice.score(lanes, lanes), await onHost.score(lanes, lanes), tolerance);
    for (const session of [onHost, onDevice]) await session.dispose();
    expect(device.tensors).toBe(0);
  });

  it("sends tokens and gets the requested results, and the state when it is saved", async () => {
    const device = madeUpDevice(engine);
    const loaded = tinyModel();
    const session = createSession({ loaded, engine: device.engine, blockLength: 2 * SEGMENT });
    const traffic = async (act: () => Promise<unknown>): Promise<{ toDevice: number; toHost: number }> => {
      const before = { ...device.moved };
      await act();
      return { toDevice: device.moved.toDevice - before.toDevice, toHost: device.moved.toHost - before.toHost };
    };
    await session.read(randomTokens(2 * SEGMENT));
    for (let i = 0; i < SEGMENT; i++) await session.step(i);
    expect(await traffic(() => session.read(randomTokens(6 * SEGMENT)))).toEqual({
      toDevice: 4 * (6 * SEGMENT + 3), // three runs, each of which is told where sequences start
      toHost: 4 * 3, // and says that it is done
    });
    await session.step(1); // an open segment, which was empty, goes there with its first token
    const kept = device.tensors;
    expect(await traffic(() => session.step(2))).toEqual({ toDevice: 4 * 3, toHost: 4 * 20 });
    expect(await traffic(() => session.save())).toEqual({ toDevice: 0, toHost: session.stateBytes });
    expect(device.tensors).toBe(kept);
    await session.dispose();
  });
});

describe("a call to a session", () => {
  it("copies its tokens at once, so that their array can be reused", async () => {
    const session = createSession({ loaded: tinyModel(), engine });
    const tokens = randomTokens(LENGTH);
    const expected = await session.prefill(tokens);
    await session.reset();
    const buffer = tokens.slice();
    const reading = session.prefill(buffer);
    buffer.fill(0);
    expect(await reading).toEqual(expected);
    await session.dispose();
  });

  it("runs in turn", async () => {
    const loaded = tinyModel();
    const [session, other] = [createSession({ loaded, engine }), createSession({ loaded, engine })];
    const tokens = randomTokens(LENGTH);
    const [, saved, logits] = await Promise.all([
      session.read(tokens.subarray(0, 7)),
      session.save(),
      session.prefill(tokens.subarray(7)),
    ]);
    await other.read(tokens.subarray(0, 7));
    expect(saved).toEqual(await other.save());
    expect(logits).toEqual(await other.prefill(tokens.subarray(7)));
    for (const each of [session, other]) await each.dispose();
  });

  it("is not undone by other calls in between", async () => {
    const device = madeUpDevice(engine);
    const session = createSession({ loaded: tinyModel(), engine: device.engine });
    const tokens = randomTokens(7);
    await session.read(tokens);
    const expected = await session.save();
    const [saved, , snapshot, , again] = await Promise.all([
      session.save(),
      session.reset(),
      session.snapshot(),
      session.read(tokens),
      session.save(),
    ]);
    expect(saved).toEqual(expected);
    expect(snapshot.positions).toEqual([0]);
    expect(again).toEqual(expected);
    await session.dispose();
    expect(device.tensors).toBe(0);
  });

  it("ends at a block when the session is disposed of", async () => {
    const device = madeUpDevice(engine);
    const session = createSession({ loaded: tinyModel(), engine: device.engine, blockLength: SEGMENT });
    const seen: number[] = [];
    const reading = session.read(randomTokens(20 * SEGMENT), (done) => {
      seen.push(done);
      if (seen.length === 3) void session.dispose();
    });
    await expectRejection(reading, /has been disposed of/);
    expect(seen).toEqual([1, 2, 3].map((blocks) => blocks * SEGMENT));
    await session.dispose();
    expect(device.tensors).toBe(0);
  });

  it.each(models)("can be retried after the end of a segment failed, with $name", async ({ mixing, tolerance }) => {
    const loaded = tinyModel(mixing);
    const tokens = randomTokens(3 * SEGMENT + 2);
    const undisturbed = createSession({ loaded, engine });
    const session = createSession({ loaded, engine: failingOnce(engine, COMMITS) });
    const read = async (each: Session, start: number, end: number): Promise<Float32Array> =>
      each.prefill(tokens.subarray(start, end));
    await read(session, 0, 2);
    const failed = await read(session, 2, SEGMENT).then(
      () => false,
      () => true,
    );
    expect(session.position).toBe(SEGMENT);
    await read(undisturbed, 0, 2);
    await read(undisturbed, 2, SEGMENT);
    expect(await session.save()).toEqual(await undisturbed.save());
    const [ours, theirs] = [await read(session, SEGMENT, 14), await read(undisturbed, SEGMENT, 14)];
    expectNear(ours, theirs, tolerance);
    expect(failed).toBe(Object.keys(commitProgram(loaded, 1).outputs).length > 0);
    for (const each of [session, undisturbed]) await each.dispose();
  });

  it("continues after a failure", async () => {
    const session = createSession({ loaded: tinyModel(), engine });
    const failing = session.read(Int32Array.of(99));
    const reading = session.read(randomTokens(3));
    await expectRejection(failing, /token 99/);
    await reading;
    expect(session.position).toBe(3);
    await session.dispose();
  });
});

describe("what a session refuses", () => {
  const two = (a: number, b: number): LaneTokens => [randomTokens(a), randomTokens(b)];

  it.each<[string, LaneTokens, RegExp]>([
    ["no tokens", [new Int32Array(), new Int32Array()], /there are no tokens to read/],
    [
      "a token past the vocabulary",
      [Int32Array.of(1, 2), Int32Array.of(3, 20)],
      /token 20 is not in the vocabulary of 20/,
    ],
    ["a negative token", [Int32Array.of(-1), Int32Array.of(0)], /token -1 is not in the vocabulary/],
    ["lanes of different lengths", two(3, 4), /lanes differ in length: 3 and 4 tokens/],
    ["plain arrays", [[1], [2]] as unknown as LaneTokens, /tokens must be an Int32Array/],
    ["floats", new Float32Array([1, 2]) as unknown as LaneTokens, /tokens must be an Int32Array/],
    ["nothing", undefined as unknown as LaneTokens, /tokens must be an Int32Array/],
    ["too few lanes", randomTokens(3), /has 2 lanes, got tokens for 1/],
    ["too many lanes", [...two(3, 3), randomTokens(3)] as LaneTokens, /has 2 lanes, got tokens for 3/],
  ])("%s, and does not change", async (_, tokens, problem) => {
    const session = createSession({ loaded: tinyModel(), engine, batch: 2 });
    await session.prefill(two(6, 6));
    const before = await session.save();
    await expectRejection(session.read(tokens), problem);
    await expectRejection(session.prefill(tokens), problem);
    await expectRejection(session.score(tokens, tokens), problem);
    await expectRejection(session.logits(tokens), problem);
    expect(await session.save()).toEqual(before);
  });

  it("a step with a token outside the vocabulary, or for another number of lanes", async () => {
    const session = createSession({ loaded: tinyModel(), engine });
    await expectRejection(session.step(20), /token 20/);
    await expectRejection(session.step([]), /got tokens for 0/);
    await expectRejection(session.step([1, 2]), /got tokens for 2/);
    for (const token of [2.5, NaN, 2 ** 32])
      await expectRejection(session.step(token), /is not a whole number|is not in/);
    expect(session.position).toBe(0);
  });

  it.each([2, 3, SEGMENT, 9])("a number of targets other than its %i tokens", async (length) => {
    const session = createSession({ loaded: tinyModel(), engine });
    for (const count of [length - 1, length + 1]) {
      await expectRejection(session.score(randomTokens(length), randomTokens(count)), /targets for/);
    }
    await expectRejection(session.score(randomTokens(2), Int32Array.of(1, 20)), /token 20/);
    expect(session.position).toBe(0);
  });
});

describe("a saved state that a session refuses", () => {
  const loaded = tinyModel();

  it.each<[string, () => Uint8Array | Promise<Uint8Array>, RegExp]>([
    ["of another model", () => savedBy(tinyModel({ memory: { update: "linear" } })), /f: was saved by another model/],
    ["with another number of lanes", () => savedBy(loaded, 2), /f: "state\..*" must have shape/],
    ["of another format", () => encodeSafetensors({}, { kind: "session" }), /f: was saved by another version/],
    ["that is another kind of file", () => encodeSafetensors({}, { kind: "weights" }), /f: is not a saved session/],
    ["of other weights", () => savedBy(withOtherWeights(loaded)), /f: was saved by another model/],
    [
      "of an earlier version",
      () => edited((metadata) => ({ ...metadata, weights: "01234567" })),
      /f: was saved by an earlier version; read the text again and save a new state/,
    ],
    [
      "that lacks the position",
      () => edited((metadata) => Object.fromEntries(Object.entries(metadata).filter(([key]) => key !== "positions"))),
      /f: has no position/,
    ],
    ["that has an empty position", () => edited((metadata) => ({ ...metadata, positions: "" })), /f: has no position/],
    ["at half a token", () => edited((metadata) => ({ ...metadata, positions: "2.5" })), /f: has no position/],
    ["at a negative position", () => edited((metadata) => ({ ...metadata, positions: "-4" })), /f: has no position/],
    [
      "at a position of 400 nines",
      () => edited((metadata) => ({ ...metadata, positions: "9".repeat(400) })),
      /f: has no position, or an impossible one/,
    ],
    [
      "of more lanes than it has",
      () => edited((metadata) => ({ ...metadata, positions: "6,6" })),
      /has 1 lanes, but there are 2 positions/,
    ],
    [
      "that is not a safetensors file",
      () => new TextEncoder().encode("The grass is green."),
      /f: is cut off or not a safetensors/,
    ],
    ["that is empty", () => new Uint8Array(), /f: is cut off/],
  ])("is one %s", async (_, make, problem) => {
    const bytes = await make();
    await expectUnharmed((session) => session.load(bytes, "f"), problem);
  });

  it("is one that is cut off anywhere", async () => {
    const bytes = await savedBy(loaded);
    await expectUnharmed(async (session) => {
      for (let end = 0; end < bytes.length; end += 7)
        await expect(session.load(bytes.subarray(0, end), "f")).rejects.toThrow(SafetensorsError);
      await session.load(bytes.subarray(0, -1), "f");
    }, /f: is cut off/);
  });

  async function savedBy(model: typeof loaded, batch = 1): Promise<Uint8Array> {
    const session = createSession({ loaded: model, engine, batch });
    await session.prefill(Array.from({ length: batch }, (_, lane) => randomTokens(6, lane)));
    return session.save();
  }

  async function edited(
    edit: (metadata: Readonly<Record<string, string>>) => Record<string, string>,
  ): Promise<Uint8Array> {
    const { tensors, metadata } = decodeSafetensors(await savedBy(loaded), "saved");
    return encodeSafetensors(tensors, edit(metadata));
  }

  async function expectUnharmed(act: (session: Session) => Promise<void>, problem: RegExp): Promise<void> {
    const session = createSession({ loaded, engine });
    await session.prefill(randomTokens(7));
    const before = await session.save();
    await expect(act(session)).rejects.toThrow(problem);
    expect(await session.save()).toEqual(before);
  }
});

describe("a snapshot that a session refuses", () => {
  const loaded = tinyModel();

  it.each<[string, LoadedModel, number, RegExp]>([
    ["of another model", tinyModel(), 1, /the snapshot is from another model/],
    ["of another number of lanes", loaded, 2, /the session has 1 lanes, the snapshot has 2/],
  ])("is one %s", async (_, model, batch, problem) => {
    const snapshot = await createSession({ loaded: model, engine, batch }).snapshot();
    const session = createSession({ loaded, engine });
    await session.prefill(randomTokens(7));
    const before = await session.save();
    await expect(session.restore(snapshot)).rejects.toThrow(new SessionError(problem.source));
    expect(await session.save()).toEqual(before);
  });
});

// --- internal ---

/** Whether a graph is that of the end of a segment: it takes no tokens. */
const COMMITS = (graph: Graph): boolean => !graph.inputs["tokens"] && Object.keys(graph.outputs).length > 0;

/** An engine on which the first run of such a graph fails. */
function failingOnce(working: Engine, isSuch: (graph: Graph) => boolean): Engine {
  let failed = false;
  return withRuns(working, (graph, program, feeds, into) => {
    if (failed || !isSuch(graph)) return program.run(feeds, into);
    failed = true;
    return Promise.reject(new Error("the device is busy"));
  });
}

/** The same model with one number changed in its last bits. */
function withOtherWeights({ model, params }: LoadedModel): LoadedModel {
  const { shape, data } = params.finalNorm;
  return { model, params: { ...params, finalNorm: floatTensor(shape, data.with(0, (data[0] ?? 0) + 1e-6)) } };
}

/** Starts and ends of consecutive parts of these sizes, repeated, up to a length. */
function endsOf(sizes: readonly number[], length: number): (readonly [number, number])[] {
  const parts: (readonly [number, number])[] = [];
  for (let start = 0, i = 0; start < length; i++) {
    const end = Math.min(length, start + (sizes[i % sizes.length] ?? 1));
    parts.push([start, end]);
    start = end;
  }
  return parts;
}

function laneOf(rows: Float32Array = new Float32Array(), lane: number, lanes: number): Float32Array {
  const width = rows.length / lanes;
  return rows.subarray(lane * width, (lane + 1) * width);
}

/** The logits [B * V] of consecutive tokens as [B * T * V]. */
function inLanes(each: readonly Float32Array[], lanes: number): Float32Array {
  const rows = Array.from({ length: lanes }, (_, lane) => each.flatMap((logits) => [...laneOf(logits, lane, lanes)]));
  return Float32Array.from(rows.flat());
}

function crossEntropy(logits: Float32Array, target: number): number {
  const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0);
  return Math.log(sum) - (logits[target] ?? NaN);
}

function distance(a: Float32Array, b: Float32Array = new Float32Array()): number {
  expect(a.length).toBe(b.length);
  return Math.max(...a.map((value, i) => Math.abs(value - (b[i] ?? NaN)) / (1 + Math.abs(value))));
}

function expectNear(actual: Float32Array, expected: Float32Array | undefined, tolerance = TOLERANCE): void {
  expect(distance(actual, expected)).toBeLessThanOrEqual(tolerance);
}

async function expectRejection(promise: Promise<unknown>, problem: RegExp): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(SessionError);
  expect(String(error)).toMatch(problem);
}
