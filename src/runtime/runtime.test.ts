import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import type { Engine } from "../engine/engine.ts";
import { madeUpDevice } from "../engine/fixtures.ts";
import { createNodeEngine } from "../engine/ort/ort-node.ts";
import { tinyMixers } from "../model/fixtures.ts";
import type { ModelConfigInput } from "../model/config.ts";
import type { FloatTensor } from "../tensor/host-tensor.ts";
import { randomTokens, SEGMENT, tinyModel, weightsOf } from "./fixtures.ts";
import { decodeLaneState, encodeLaneState, type LaneState } from "./lane-state.ts";
import { SessionError } from "./lane-tokens.ts";
import type { Lanes } from "./lanes.ts";
import { createRuntime, type Runtime } from "./runtime.ts";

const LANES = 3;
const TOLERANCE = 1e-4;
let engine: Engine;

beforeAll(async () => {
  engine = await createNodeEngine({ threads: 1 });
});

const models: { readonly name: string; readonly mixing: Pick<ModelConfigInput, "memory" | "mixer"> }[] = [
  { name: "a token-delta memory", mixing: { memory: { update: "token-delta" } } },
  { name: "a linear memory and a cache", mixing: { memory: { update: "linear", cache: true } } },
  ...tinyMixers.map((mixer) => ({ name: JSON.stringify(mixer), mixing: { mixer } })),
];

/** Numbers of tokens for each lane, run by run. */
const walks = fc.array(fc.array(fc.nat(2 * SEGMENT + 1), { minLength: LANES, maxLength: LANES }), {
  minLength: 1,
  maxLength: 4,
});
const TEXTS = Array.from({ length: LANES }, (_, lane) => randomTokens(40, lane));

/** Continues reading in every lane, and returns the results of each. */
async function readOn(
  lanes: Lanes,
  counts: readonly number[],
  output: "losses" | "allLogits",
): Promise<Float32Array[]> {
  const cut = (from: number): Int32Array[] =>
    counts.map((count, lane) => {
      const start = (lanes.positions[lane] ?? 0) + from;
      return (TEXTS[lane] ?? new Int32Array()).subarray(start, start + count);
    });
  return lanes.read(cut(0), output, output === "losses" ? { targets: cut(1) } : {});
}

describe.each(models)("lanes of $name", ({ mixing }) => {
  const loaded = tinyModel(mixing);

  it.each<[string, () => Engine]>([
    ["the host", () => engine],
    ["a device", () => madeUpDevice(engine).engine],
  ])("are read as each would be alone, wherever they are, on %s", async (_, engineOf) => {
    const runtime = createRuntime({ loaded, engine: engineOf() });
    const [together, alone] = [runtime.lanes({ batch: LANES }), runtime.lanes()];
    await fc.assert(
      fc.asyncProperty(walks, fc.constantFrom("losses" as const, "allLogits" as const), async (steps, output) => {
        await together.clear();
        const parts: Float32Array[][] = TEXTS.map(() => []);
        for (const counts of steps) {
          (await readOn(together, counts, output)).forEach((part, lane) => parts[lane]?.push(part));
        }
        const totals = TEXTS.map((__, lane) => steps.reduce((sum, counts) => sum + (counts[lane] ?? 0), 0));
        expect(together.positions).toEqual(totals);
        for (const [lane, total] of totals.entries()) {
          await alone.clear();
          const text = TEXTS[lane] ?? new Int32Array();
          const targets = output === "losses" ? { targets: [text.subarray(1, total + 1)] } : {};
          const [expected] = await alone.read([text.subarray(0, total)], output, targets);
          expectNear(concat(parts[lane] ?? []), expected);
          if (total > 0) expectSameState(await together.extract(lane), await alone.extract(0));
        }
      }),
      { numRuns: 5, seed: 2 },
    );
    for (const each of [together, alone]) await each.dispose();
    await runtime.dispose();
  });

  it("give the logits of the last token of each, and nothing for lanes without a token", async () => {
    const runtime = createRuntime({ loaded, engine });
    const [together, alone] = [runtime.lanes({ batch: LANES }), runtime.lanes()];
    const counts = [3 * SEGMENT + 1, 0, 2];
    const logits = await together.read(
      counts.map((count, lane) => (TEXTS[lane] ?? new Int32Array()).subarray(0, count)),
      "logits",
    );
    expect(logits.map(({ length }) => length)).toEqual([20, 0, 20]);
    const stepped = await together.step([undefined, 7, 3]);
    expect(together.positions).toEqual([counts[0], 1, 3]);
    expect(stepped.map(({ length }) => length)).toEqual([0, 20, 20]);
    const [expected] = await alone.read([(TEXTS[0] ?? new Int32Array()).subarray(0, counts[0])], "logits");
    expectNear(logits[0] ?? new Float32Array(), expected);
    await alone.clear();
    const [last] = await alone.read([Int32Array.of(TEXTS[2]?.[0] ?? 0, TEXTS[2]?.[1] ?? 0, 3)], "logits");
    expectNear(stepped[2] ?? new Float32Array(), last);
    for (const each of [together, alone]) await each.dispose();
    await runtime.dispose();
  });

  it("take over what another has read, bit for bit, through a file too, and do not change the others", async () => {
    const runtime = createRuntime({ loaded, engine });
    const [from, to] = [runtime.lanes({ batch: LANES }), runtime.lanes({ batch: LANES })];
    for (const counts of [
      [5, 2, SEGMENT],
      [1, 0, 3 * SEGMENT],
    ])
      await readOn(from, counts, "losses");
    await readOn(to, [1, 9, 2], "losses");
    const before = await to.extract(0);
    const states = await Promise.all([0, 1, 2].map((lane) => from.extract(lane)));
    const decoded = states.map((state) => decodeLaneState(encodeLaneState(state), "f"));
    expect(decoded).toEqual(states);
    await to.insert(1, decoded[0] ?? before);
    await to.insert(2, decoded[2] ?? before);
    expect(to.positions).toEqual([1, 6, 4 * SEGMENT]);
    expect(await to.extract(0)).toEqual(before);
    expect(await to.extract(1)).toEqual(states[0]);
    expect(await to.extract(2)).toEqual(states[2]);
    const copy = structuredClone(states[0]);
    await to.step([1, 2, 3]);
    await to.clear([2]);
    expect(to.positions).toEqual([2, 7, 0]);
    expect(states[0]).toEqual(copy);
    const blank = runtime.lanes();
    expect(await to.extract(2)).toEqual(await blank.extract(0));
    for (const each of [from, to, blank]) await each.dispose();
    await runtime.dispose();
  });
});

describe("a runtime", () => {
  it("compiles each program once, and holds the weights once, for all its sessions", async () => {
    const device = madeUpDevice(engine);
    const loaded = tinyModel();
    for (const own of [engine, device.engine]) {
      let compiled = 0;
      const count = <A extends unknown[], R>(compile: (...args: A) => R) => {
        return (...args: A): R => (compiled++, compile(...args));
      };
      const { compileResident } = own;
      const counting: Engine = {
        ...own,
        compile: count(own.compile),
        ...(compileResident && { compileResident: count(compileResident) }),
      };
      const runtime = createRuntime({ loaded, engine: counting });
      const use = async (runtime_: Runtime): Promise<void> => {
        const session = runtime_.session();
        await session.prefill(randomTokens(3 * SEGMENT + 2));
        await session.step(1);
        await session.dispose();
      };
      await use(runtime);
      const before = compiled;
      const copies = own === engine ? 0 : 2; // a store on a device copies its values there with its own programs
      await use(runtime);
      expect(compiled).toBeLessThanOrEqual(before + copies);
      expect(device.tensors).toBe(own === engine ? 0 : Object.keys(weightsOf(loaded)).length);
      await runtime.dispose();
      expect(device.tensors).toBe(0);
    }
  });

  it("reads two sessions at once as it would in turn", async () => {
    const runtime = createRuntime({ loaded: tinyModel(), engine: madeUpDevice(engine).engine });
    const [one, other] = [runtime.session(), runtime.session()];
    const [first, second] = [randomTokens(11, 1), randomTokens(11, 2)];
    const both = await Promise.all([one.prefill(first), other.prefill(second)]);
    await one.reset();
    expect(await one.prefill(first)).toEqual(both[0]);
    await one.reset();
    expect(await one.prefill(second)).toEqual(both[1]);
    for (const each of [one, other]) await each.dispose();
    await runtime.dispose();
  });

  it("reads a few tokens with a program for a few", async () => {
    const rows: number[] = [];
    const seen: Engine = {
      ...engine,
      compile: (graph, options) => {
        const { tokens, offset } = graph.inputs;
        if (tokens && offset) rows.push(tokens.shape[1] ?? 0);
        return engine.compile(graph, options);
      },
    };
    const loaded = tinyModel({}, 20, 200);
    const session = createRuntime({ loaded, engine: seen }).session();
    for (const count of [1, 2, 15, 100, 40, 42]) await session.read(randomTokens(count));
    expect(session.position).toBe(200);
    expect(rows).toEqual([1, 16, 128]);
    await session.read(randomTokens(199));
    expect(rows).toEqual([1, 16, 128, 200]);
    await session.dispose();
  });
});

describe("a lane state that is refused", () => {
  const edited = async (edit: (state: LaneState) => LaneState): Promise<LaneState> => {
    const lanes = createRuntime({ loaded: tinyModel(), engine }).lanes();
    await lanes.read([randomTokens(6)]);
    return edit(await lanes.extract(0));
  };
  const changed = (at: number, value: number, kind: "state" | "segment") => (state: LaneState) => {
    const [[name, tensor] = ["", undefined]] = Object.entries(state[kind]);
    const { data, shape } = tensor as FloatTensor;
    return { ...state, [kind]: { ...state[kind], [name]: { dtype: "float32", shape, data: data.with(at, value) } } };
  };

  it.each<[string, (state: LaneState) => LaneState, RegExp]>([
    ["at 400 nines", (state) => ({ ...state, position: Number("9".repeat(400)) }), /f: has no position/],
    ["beyond what can be counted", (state) => ({ ...state, position: 2 ** 53 }), /f: has no position/],
    ["at half a token", (state) => ({ ...state, position: 1.5 }), /f: has no position/],
    ["with a number that is not one", changed(0, NaN, "state"), /f: "state\..*" has numbers that are not finite/],
    ["with an infinite number", changed(0, -Infinity, "segment"), /f: "segment\..*" has numbers that are not finite/],
    ["whose open segment holds more than it read", changed(23, 1, "segment"), /holds more than 6 tokens can leave/],
    ["that has read nothing but holds something", (state) => ({ ...state, position: 0 }), /holds more than 0 tokens/],
  ])("is one %s", async (_, edit, problem) => {
    const bytes = encodeLaneState(await edited(edit));
    expect(() => decodeLaneState(bytes, "f")).toThrow(SessionError);
    expect(() => decodeLaneState(bytes, "f")).toThrow(problem);
  });

  it("is one from another model, or of another shape, and the lanes do not change", async () => {
    const state = await edited((each) => each);
    const lanes = createRuntime({ loaded: tinyModel(), engine }).lanes({ batch: 2 });
    await lanes.read([randomTokens(3), randomTokens(5)]);
    const before = await lanes.save();
    await expect(lanes.insert(0, { ...state, modelId: "0" })).rejects.toThrow(/the state is from another model/);
    await expect(lanes.insert(0, { ...state, segment: {} })).rejects.toThrow(/the state: lacks "segment/);
    await expect(lanes.insert(2, state)).rejects.toThrow(/there is no lane 2 of 2/);
    await expect(lanes.extract(-1)).rejects.toThrow(SessionError);
    expect(await lanes.save()).toEqual(before);
  });

  it("is another kind of file", async () => {
    const session = createRuntime({ loaded: tinyModel(), engine }).session();
    const bytes = await session.save();
    expect(() => decodeLaneState(bytes, "f")).toThrow(/f: is not a saved lane/);
    await expect(session.load(encodeLaneState(await edited((state) => state)), "f")).rejects.toThrow(
      /f: is not a saved session/,
    );
  });
});

// --- internal ---

function concat(parts: readonly Float32Array[]): Float32Array {
  return Float32Array.from(parts.flatMap((part) => [...part]));
}

function expectNear(actual: Float32Array, expected: Float32Array = new Float32Array()): void {
  expect(actual.length).toBe(expected.length);
  const far = Math.max(0, ...actual.map((value, i) => Math.abs(value - (expected[i] ?? NaN)) / (1 + Math.abs(value))));
  expect(far).toBeLessThanOrEqual(TOLERANCE);
}

function expectSameState(actual: LaneState, expected: LaneState): void {
  expect(actual.position).toBe(expected.position);
  const all = ({ state, segment }: LaneState): [string, FloatTensor][] =>
    Object.entries({ ...state, ...segment }) as [string, FloatTensor][];
  expect(all(actual).map(([name]) => name)).toEqual(all(expected).map(([name]) => name));
  all(actual).forEach(([, { data }], i) => expectNear(data, all(expected)[i]?.[1].data));
}
