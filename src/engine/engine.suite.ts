import { beforeAll, describe, expect, it } from "vitest";
import {
  add,
  cast,
  div,
  exp,
  input,
  iota,
  less,
  mul,
  reshape,
  scalar,
  scatterAdd,
  sub,
  sum,
} from "../graph/builder.ts";
import { createGraph, type Graph } from "../graph/graph.ts";
import {
  filled,
  floatTensor,
  ELEMENT_BYTES,
  intTensor,
  tensorOver,
  zeros,
  type HostTensor,
} from "../tensor/host-tensor.ts";
import type { Flat } from "../tensor/tree.ts";
import { FeedError, type Engine } from "./engine.ts";
import { operationCases } from "./operations.suite.ts";
import { evaluate, type NumericTensor } from "./reference/reference.ts";

export interface SuiteOptions {
  /** Why the suite cannot run here; it is then listed as one skipped test. */
  readonly skip?: string | undefined;
  /** Largest difference, relative to one plus the size of the expected value. Default 1e-5. */
  readonly tolerance?: number;
}

/** What every engine must do: compute each operation as the reference does, and keep the contract of `run`. */
export function engineSuite(
  name: string,
  createEngine: () => Engine | Promise<Engine>,
  { skip, tolerance = 1e-5 }: SuiteOptions = {},
): void {
  if (skip !== undefined) return it.skip(`engine ${name}: ${skip}`, () => {});
  describe(`engine ${name}`, () => {
    let engine: Engine;
    beforeAll(async () => {
      engine = await createEngine();
    });
    const run: Run = async (graph, feeds, into) => {
      const program = await engine.compile(graph);
      try {
        return await program.run(feeds, into);
      } finally {
        await program.dispose();
      }
    };
    it("names its device", () => expect(engine.device).toBe(name));
    describe("operations", () => operationTests(() => engine, run, tolerance));
    describe("given tensors", () => intoTests(() => engine, run));
    describe("outputs", () => outputTests(run));
    describe("names", () => nameTests(run));
    describe("feeds", () => feedTests(run));
    describe("programs", () => programTests(() => engine));
  });
}

/** Fails unless the elements are equal up to `tolerance`, relative to one plus the expected size. */
export function expectClose(actual: NumericTensor | undefined, expected: NumericTensor, tolerance: number): void {
  expect(actual?.shape).toEqual(expected.shape);
  expect(actual?.data.length).toBe(expected.data.length);
  const wrong = Array.from(expected.data).flatMap((wanted, i) => {
    const got = actual?.data[i] ?? NaN;
    const near = Object.is(got, wanted) || Math.abs(got - wanted) <= tolerance * (1 + Math.abs(wanted));
    return near ? [] : [`[${i}] is ${got}, expected ${wanted}`];
  });
  expect(wrong).toEqual([]);
}

// --- internal ---

type Run = (graph: Graph, feeds: Flat<HostTensor>, into?: Flat<HostTensor>) => Promise<Flat<HostTensor>>;

function operationTests(engine: () => Engine, run: Run, tolerance: number): void {
  for (const { title, graph, feeds } of operationCases()) {
    it(title, async () => {
      const { dtypes } = engine().target;
      const refused = Object.values(feeds).find(({ dtype }) => !dtypes.has(dtype));
      if (refused) {
        await expect(run(graph, feeds)).rejects.toThrow(FeedError);
        await expect(run(graph, feeds)).rejects.toThrow(`is ${refused.dtype}, which`);
        return;
      }
      const { result: expected } = evaluate(graph, feeds);
      if (!expected) throw new Error("nothing to compare with");
      const { result: actual } = await run(graph, feeds);
      expectClose(actual, expected, tolerance);
      expect(actual?.dtype).toBe(graph.outputs["result"]?.dtype);
    });
  }
}

const row = (...values: number[]): HostTensor => floatTensor([values.length], Float32Array.from(values));
const intRow = (...values: number[]): HostTensor => intTensor([values.length], Int32Array.from(values));

const VECTOR = row(1, 2, 3);

const x = input("x", [3]);
const doubled = add(x, x);
const elements = (tensor: HostTensor | undefined): number[] => [...(tensor?.data ?? [])];

function intoTests(engine: () => Engine, run: Run): void {
  it("writes into given tensors and returns their buffers", async () => {
    const into = { doubled: filled([3], -1), total: filled([], -1) };
    const results = await run(createGraph({ doubled, total: sum(x) }), { x: VECTOR }, into);
    expect(results["doubled"]?.data).toBe(into.doubled.data);
    expect(results["total"]?.data).toBe(into.total.data);
    expect(elements(into.doubled)).toEqual([2, 4, 6]);
    expect(elements(into.total)).toEqual([6]);
  });

  it("writes some outputs into given tensors and allocates the others", async () => {
    const into = { doubled: filled([3], -1) };
    const results = await run(createGraph({ doubled, total: sum(x) }), { x: VECTOR }, into);
    expect(elements(into.doubled)).toEqual([2, 4, 6]);
    expect(elements(results["total"])).toEqual([6]);
  });

  it("writes int outputs into given tensors", async () => {
    const n = input("n", [2], "int32");
    const into = { sum: intTensor([2], Int32Array.of(0, 0)) };
    await run(createGraph({ sum: add(n, n) }), { n: intRow(3, -4) }, into);
    expect(elements(into.sum)).toEqual([6, -8]);
  });

  it.each(["float16", "bfloat16", "uint8"] as const)("takes and returns %s unchanged", async (dtype) => {
    const bytes = Uint8Array.of(0, 0x3c, 1, 0, 0xff, 0x7b, 0, 0x80);
    const value = tensorOver(dtype, [bytes.length / ELEMENT_BYTES[dtype]], bytes.buffer);
    const given = input("given", value.shape, dtype);
    if (!engine().target.dtypes.has(dtype)) return;
    const { reshaped } = await run(createGraph({ reshaped: reshape(given, [...value.shape, 1]) }), { given: value });
    expect(reshaped).toEqual({ ...value, shape: [...value.shape, 1] });
  });

  it("refuses to write into a tensor of another shape", async () => {
    await expect(run(createGraph({ doubled }), { x: VECTOR }, { doubled: zeros([4]) })).rejects.toThrow();
  });

  it.each(["x", "y"])("copies an input to the output %s in a given tensor", async (name) => {
    const into = { [name]: zeros([3]) };
    await run(createGraph({ [name]: x }), { x: VECTOR }, into);
    expect(elements(into[name])).toEqual([1, 2, 3]);
  });
}

function outputTests(run: Run): void {
  it("refuses a bool output", async () => {
    await expect(run(createGraph({ negative: less(x, 0) }), { x: VECTOR })).rejects.toThrow(TypeError);
  });

  it.each(["x", "y"])("returns an input as the output %s", async (name) => {
    const results = await run(createGraph({ [name]: x, doubled }), { x: VECTOR });
    expect(results[name]?.data.buffer).not.toBe(VECTOR.data.buffer);
    expect(elements(results[name])).toEqual([1, 2, 3]);
    expect(elements(results["doubled"])).toEqual([2, 4, 6]);
  });

  it("returns a constant", async () => {
    const results = await run(createGraph({ pi: scalar(3), steps: iota(3) }), {});
    expect(elements(results["pi"])).toEqual([3]);
    expect(results["steps"]).toMatchObject({ dtype: "int32", shape: [3] });
    expect(elements(results["steps"])).toEqual([0, 1, 2]);
  });

  it("returns one node under two names, in separate buffers", async () => {
    const results = await run(createGraph({ first: doubled, second: doubled }), { x: VECTOR });
    expect(elements(results["first"])).toEqual([2, 4, 6]);
    expect(elements(results["second"])).toEqual([2, 4, 6]);
    expect(results["first"]?.data.buffer).not.toBe(results["second"]?.data.buffer);
  });

  it("returns equal computations under two names", async () => {
    const results = await run(createGraph({ first: exp(x), second: exp(x), third: mul(exp(x), 0) }), { x: VECTOR });
    expect(results["first"]?.data).toEqual(results["second"]?.data);
    expect(elements(results["third"])).toEqual([0, 0, 0]);
  });

  it("returns an output that other nodes use", async () => {
    const results = await run(createGraph({ doubled, squared: mul(doubled, doubled) }), { x: VECTOR });
    expect(elements(results["doubled"])).toEqual([2, 4, 6]);
    expect(elements(results["squared"])).toEqual([4, 16, 36]);
  });

  it("takes and returns scalars", async () => {
    const s = input("s", []);
    const results = await run(createGraph({ half: div(s, 2) }), { s: floatTensor([], Float32Array.of(5)) });
    expect(results["half"]).toMatchObject({ dtype: "float32", shape: [] });
    expect(elements(results["half"])).toEqual([2.5]);
  });
}

const NAMES = ["t0", "t1", "t2", "h0", "h1", "int64:0", "blocks.0.gate"];

function nameTests(run: Run): void {
  it.each(NAMES)("allows an input named %s", async (name) => {
    const named = input(name, [3]);
    const updates = sum(add(reshape(named, [3, 1]), 1), [0]);
    const table = scatterAdd(updates, input("index", [1], "int32"), 2);
    const results = await run(createGraph({ table }), { [name]: VECTOR, index: intRow(1) });
    expect(elements(results["table"])).toEqual([0, 9]);
  });

  it.each(NAMES)("allows an output named %s", async (name) => {
    const shifted = add(reshape(x, [3, 1]), 1);
    const table = scatterAdd(sum(shifted, [0]), input("index", [1], "int32"), 2);
    const results = await run(createGraph({ table, [name]: shifted }), { x: VECTOR, index: intRow(1) });
    expect(elements(results["table"])).toEqual([0, 9]);
    expect(elements(results[name])).toEqual([2, 3, 4]);
  });
}

function feedTests(run: Run): void {
  const graph = createGraph({ y: mul(input("x", [3]), cast(input("n", [3], "int32"), "float32")) });
  const n = intRow(1, 2, 3);

  it("refuses a missing feed", async () => {
    await expect(run(graph, { n })).rejects.toThrow(FeedError);
    await expect(run(graph, { n })).rejects.toThrow('input "x" is missing');
  });

  it("refuses a feed of another shape", async () => {
    for (const shape of [[4], [3, 1], []]) {
      const feeds = { x: zeros(shape), n };
      await expect(run(graph, feeds)).rejects.toThrow(FeedError);
      await expect(run(graph, feeds)).rejects.toThrow(`float32[3], got float32[${shape.join(", ")}]`);
    }
  });

  it("refuses a feed of another type", async () => {
    await expect(run(graph, { x: VECTOR, n: VECTOR })).rejects.toThrow(FeedError);
    await expect(run(graph, { x: n, n })).rejects.toThrow('"x" must be float32[3], got int32[3]');
  });

  it("does not change its feeds", async () => {
    const feeds = { x: row(1, 2, 3), n: intRow(4, 5, 6) };
    await run(graph, feeds);
    expect([...feeds.x.data, ...feeds.n.data]).toEqual([1, 2, 3, 4, 5, 6]);
  });
}

function programTests(engine: () => Engine): void {
  it("runs many times, each with its own results", async () => {
    const program = await engine().compile(createGraph({ y: mul(input("x", [2]), 10) }));
    const first = await program.run({ x: row(1, 2) });
    const second = await program.run({ x: row(3, 4) });
    expect(elements(first["y"])).toEqual([10, 20]);
    expect(elements(second["y"])).toEqual([30, 40]);
    await program.dispose();
  });

  it("feeds results back through a pair of buffers", async () => {
    const program = await engine().compile(createGraph({ y: add(input("x", [2]), 1) }));
    let [front, back] = [row(0, 10), row(0, 0)];
    for (let step = 0; step < 3; step++) {
      await program.run({ x: front }, { y: back });
      [front, back] = [back, front];
    }
    expect(elements(front)).toEqual([3, 13]);
    await program.dispose();
  });

  it("keeps programs of the same engine separate", async () => {
    const value = input("x", [1]);
    const plus = await engine().compile(createGraph({ y: add(value, 1) }));
    const minus = await engine().compile(createGraph({ y: sub(value, 1) }));
    const results = await Promise.all([plus.run({ x: row(5) }), minus.run({ x: row(5) })]);
    expect(results.map(({ y }) => y?.data[0])).toEqual([6, 4]);
    await Promise.all([plus.dispose(), minus.dispose()]);
  });
}
