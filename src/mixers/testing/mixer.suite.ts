import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gradients, vectorJacobianProduct } from "../../autodiff/gradients.ts";
import { expectClose } from "../../engine/engine.suite.ts";
import { evaluate, type Float64Tensor, type NumericTensor } from "../../engine/reference/reference.ts";
import { add, input, mul, sum } from "../../graph/builder.ts";
import { createGraph, type Graph } from "../../graph/graph.ts";
import type { FloatTensor, HostTensor, Shape } from "../../tensor/host-tensor.ts";
import { GraphError, type Tensor } from "../../graph/tensor.ts";
import { prefixed, flatten, unflatten, type Flat, type Tree } from "../../tensor/tree.ts";
import { restoreTree } from "../../model/checkpoint.ts";
import { decodeSafetensors, encodeSafetensors } from "../../tensor/safetensors.ts";
import {
  type MixerSuiteOptions,
  type NaiveMixerResult,
  type Piece,
  type Places,
  type Reading,
  type Run,
  type Subject,
  type Values,
  applied,
  applyGraph,
  at,
  committed,
  cut,
  expectAllClose,
  farthest,
  joined,
  lane,
  leaves,
  noise,
  onReference,
  perturbed,
  ortRunner,
  plus,
  read,
  readRows,
  start,
  subjectOf,
  under,
  valueOf,
  withoutLane,
  freshOf,
} from "./fixtures.ts";
import type { MixerResult, SequenceMixer } from "../contract.ts";

/** What every mixer must do: the contract of {@link SequenceMixer}, however its graph computes it. */
export function mixerSuite(name: string, options: MixerSuiteOptions): void {
  describe(`mixer ${name}`, () => {
    const subject = subjectOf(options);
    const cpu = ortRunner();
    beforeAll(cpu.start);
    afterAll(cpu.stop);
    describe("state", () => stateTests(subject));
    describe("a sequence in pieces", () => pieceTests(subject, cpu.run));
    describe("causality", () => causalityTests(subject));
    describe("lanes", () => laneTests(subject));
    describe("lanes at different places", () => placeTests(subject, cpu.run));
    describe("gradients", () => gradientTests(subject));
    describe("a saved state", () => savingTests(subject, cpu.run));
    if (options.naive) describe("the naive mixer", () => naiveTests(subject, cpu.run));
  });
}

// --- internal ---

function stateTests(subject: Subject): void {
  const { mixer, N, D } = subject;

  it("begins with zeros for each lane", () => {
    for (const tree of [mixer.initialState(3), mixer.emptySegment(3)]) {
      for (const { shape, data } of Object.values(flatten<FloatTensor>(tree))) {
        expect(shape[0]).toBe(3);
        expect(data.every((value) => Object.is(value, 0))).toBe(true);
      }
    }
  });

  it("has the same size after one segment and after many", async () => {
    const shapes = (values: Values): object =>
      Object.fromEntries(Object.entries(values).map(([name, { shape }]) => [name, shape]));
    const fresh = start(subject, 2);
    for (const segments of [1, 2, 9]) {
      const { end } = await read(subject, onReference, subject.input(2, segments * N));
      expect(shapes(end.state)).toEqual(shapes(fresh.state));
      const tail = await read(subject, onReference, subject.input(2, 2), [], end);
      expect(shapes(tail.end.state)).toEqual(shapes(fresh.state));
      expect(shapes(tail.end.segment)).toEqual(shapes(fresh.segment));
    }
  });

  it("is not changed by reading", async () => {
    const { end } = await read(subject, onReference, subject.input(1, N));
    const copy = structuredClone(end);
    await read(subject, onReference, subject.input(1, N + 1), [], end);
    expect(end).toEqual(copy);
  });

  it("matters: what came before changes the result now", async () => {
    const { end } = await read(subject, onReference, subject.input(1, 2 * N));
    const fresh = await read(subject, onReference, subject.input(1, N, 3));
    const later = await read(subject, onReference, subject.input(1, N, 3), [], end);
    const from = subject.options.reach === 0 ? 0 : N - 1;
    expect(farthest(cut(later.y, from, N), cut(fresh.y, from, N))).toBeGreaterThan(1e-3);
  });

  it("takes whole segments only", () => {
    expect(() => applyGraph(mixer, subject.params, [1, N + 1, D])).toThrow(GraphError);
    expect(() => applyGraph(mixer, subject.params, [1, N + 1, D])).toThrow(new RegExp(`^${N + 1} tokens .* ${N}$`));
  });
}

function pieceTests(subject: Subject, onCpu: Run): void {
  const { N, tolerance } = subject;
  const length = 3 * N + 2;
  const x = subject.input(2, length);
  const times = (count: number, piece: Piece): Piece[] => Array.from({ length: count }, () => piece);
  const ways: readonly [string, readonly Piece[]][] = [
    ["segment by segment", times(3, { tokens: N, whole: true })],
    ["by open segments", times(3, { tokens: N })],
    ["token by token", times(length, { tokens: 1 })],
    ["token by token in padded chunks", times(length, { tokens: 1, padded: true })],
  ];

  it.each(ways)("gives the same numbers %s", async (_, pieces) => {
    expectSame(await read(subject, onReference, x, pieces), await read(subject, onReference, x), tolerance);
  });

  it.each(ways)("gives the same numbers %s on the CPU", async (_, pieces) => {
    expectSame(await read(subject, onCpu, x, pieces), await read(subject, onReference, x), 1e-4);
  });

  it("gives the same numbers in any pieces", async () => {
    const expected = await read(subject, onReference, x);
    const piece = fc.record({
      tokens: fc.integer({ min: 1, max: 2 * N + 1 }),
      whole: fc.boolean(),
      padded: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (pieces) => {
        expectSame(await read(subject, onReference, x, pieces), expected, tolerance);
      }),
      { numRuns: 20, seed: 1 },
    );
  });
}

function expectSame(actual: Reading, expected: Reading, tolerance: number): void {
  expectClose(actual.y, expected.y, tolerance);
  expectAllClose(actual.end.state, expected.end.state, tolerance);
  expectAllClose(actual.end.segment, expected.end.segment, tolerance);
  expect(actual.end.offset).toBe(expected.end.offset);
}

function causalityTests(subject: Subject): void {
  const { N } = subject;
  const x = subject.input(1, 3 * N);

  it.each<[string, readonly Piece[]]>([
    ["all at once", []],
    ["in chunks", [{ tokens: N - 1 }, { tokens: N }, { tokens: N }, { tokens: N }]],
  ])("hides what comes later from every token, %s", async (_, pieces) => {
    const { y } = await read(subject, onReference, x, pieces);
    for (let t = 0; t < 3 * N; t++) {
      const { y: changed } = await read(subject, onReference, perturbed(x, t), pieces);
      expect(cut(changed, 0, t).data).toEqual(cut(y, 0, t).data);
      expect(farthest(cut(changed, t, t + 1), cut(y, t, t + 1))).toBeGreaterThan(1e-6);
    }
  });

  it("lets a segment see those before it, as far as the mixer reaches", async () => {
    const { reach = 2 } = subject.options;
    const last = async (tokens: FloatTensor): Promise<NumericTensor> =>
      cut((await read(subject, onReference, tokens)).y, 3 * N - 1, 3 * N);
    const y = await last(x);
    const segment = Array.from({ length: N }, (_, t) => (2 - reach) * N + t);
    const changes = await Promise.all(segment.map(async (t) => farthest(await last(perturbed(x, t)), y)));
    expect(Math.max(...changes)).toBeGreaterThan(1e-6);
  });
}

function laneTests(subject: Subject): void {
  const { N } = subject;
  const [x, more] = [subject.input(3, 2 * N + 1), subject.input(3, 2 * N + 1, 5)];
  const ofLane = (values: Values, index: number): Values =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, lane(value, index)]));

  it("are read as they would be alone", async () => {
    const together = await read(subject, onReference, x);
    for (const index of [0, 1, 2]) {
      const alone = await read(subject, onReference, lane(x, index));
      expectClose(lane(together.y, index), alone.y, 1e-12);
      expectAllClose(ofLane(together.end.state, index), alone.end.state, 1e-12);
      expectAllClose(ofLane(together.end.segment, index), alone.end.segment, 1e-12);
    }
    expect(farthest(lane(together.y, 0), lane(together.y, 1))).toBeGreaterThan(0.1);
  });

  it.each([0, 1, 2])("are reset by zeroing them: lane %i", async (reset) => {
    const { end } = await read(subject, onReference, cut(x, 0, 2 * N));
    const state = Object.fromEntries(
      Object.entries(end.state).map(([name, value]) => [name, withoutLane(value, reset)]),
    );
    const untouched = await read(subject, onReference, more, [], end);
    const after = await read(subject, onReference, more, [], { ...end, state });
    const fresh = await read(subject, onReference, lane(more, reset));
    expect(lane(after.y, reset).data).toEqual(fresh.y.data);
    expect(ofLane(after.end.state, reset)).toEqual(fresh.end.state);
    expect(farthest(lane(after.y, reset), lane(untouched.y, reset))).toBeGreaterThan(1e-3);
    for (const other of [0, 1, 2].filter((index) => index !== reset)) {
      expect(lane(after.y, other)).toEqual(lane(untouched.y, other));
      expect(ofLane(after.end.state, other)).toEqual(ofLane(untouched.end.state, other));
    }
  });
}

function placeTests(subject: Subject, onCpu: Run): void {
  const { N, D } = subject;
  const LANES = 3;
  /** Tokens that one run takes from each lane, as far as its segment has room; 0 leaves a lane alone. */
  const rounds = fc.array(fc.array(fc.integer({ min: 0, max: N }), { minLength: LANES, maxLength: LANES }), {
    minLength: 2,
    maxLength: 6,
  });
  const texts = (seed: number): FloatTensor => subject.input(LANES, 6 * N, seed);
  const ofLane = (values: Values, index: number): Values =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, lane(value, index)]));

  interface Walk {
    readonly y: readonly NumericTensor[]; // [1, n, D] of each lane
    readonly end: Places;
    /** Tokens of each lane that were read. */
    readonly done: readonly number[];
  }

  async function walk(run: Run, x: NumericTensor, wanted: readonly (readonly number[])[]): Promise<Walk> {
    const lanes = Array.from({ length: x.shape[0] ?? 0 }, (_, index) => lane(x, index));
    let end: Places = { ...start(subject, lanes.length), offsets: lanes.map(() => 0) };
    const done = lanes.map(() => 0);
    const parts: NumericTensor[][] = lanes.map(() => []);
    for (const each of wanted) {
      const lengths = lanes.map((_, index) => Math.min(at(each, index), N - at(end.offsets, index)));
      const filler = noise([1, N, D], 77, 3);
      const fed = lanes.map((text, index) => {
        const from = at(done, index);
        return cut(joined([cut(text, from, from + at(lengths, index)), filler]), 0, N);
      });
      const before = end;
      const after = await readRows(subject, run, stacked(fed), end, { lengths });
      end = after.end;
      lengths.forEach((length, index) => {
        parts[index]?.push(cut(lane(after.y, index), 0, length));
        done[index] = at(done, index) + length;
        if (length > 0) return;
        expect(ofLane(end.state, index)).toEqual(ofLane(before.state, index));
        expect(ofLane(end.segment, index)).toEqual(ofLane(before.segment, index));
      });
    }
    return { y: parts.map(joined), end, done };
  }

  it.each<[string, Run, number]>([
    ["in double precision", onReference, 1e-12],
    ["on the CPU", onCpu, 1e-4],
  ])("are read as they would be alone, %s", async (_, run, tolerance) => {
    await fc.assert(
      fc.asyncProperty(rounds, async (wanted) => {
        const x = texts(2);
        const together = await walk(run, x, wanted);
        for (let index = 0; index < LANES; index++) {
          const alone = await walk(
            run,
            lane(x, index),
            wanted.map((each) => [at(each, index)]),
          );
          expectClose(at(together.y, index), at(alone.y, 0), tolerance);
          expectAllClose(ofLane(together.end.state, index), alone.end.state, tolerance);
          expectAllClose(ofLane(together.end.segment, index), alone.end.segment, tolerance);
          expect(at(together.end.offsets, index)).toBe(at(alone.end.offsets, 0));
        }
      }),
      { numRuns: 6, seed: 1 },
    );
  });

  it("are read as whole sequences are", async () => {
    const x = texts(2);
    const wanted = [
      [N, 2, 0],
      [1, N - 2, 1],
      [N - 1, 1, N - 1],
      [2, 0, N],
    ];
    const together = await walk(onReference, x, wanted);
    expect(together.done).toEqual([2 * N + 2, N + 1, 2 * N]);
    for (let index = 0; index < LANES; index++) {
      const alone = await read(subject, onReference, cut(lane(x, index), 0, at(together.done, index)));
      expectClose(at(together.y, index), alone.y, subject.tolerance);
      expectAllClose(ofLane(together.end.state, index), alone.end.state, subject.tolerance);
      expectAllClose(ofLane(together.end.segment, index), alone.end.segment, subject.tolerance);
    }
  });

  it("are the same bit for bit whatever the other lanes do", async () => {
    const [x, other] = [texts(2), texts(8)];
    const mixed = stacked([lane(x, 0), lane(other, 1), lane(other, 2)]);
    const first = await walk(onCpu, x, [
      [2, N, 1],
      [N - 2, 0, 1],
      [1, 1, N],
    ]);
    const second = await walk(onCpu, mixed, [
      [2, 1, 0],
      [N - 2, 2, N],
      [1, N, 1],
    ]);
    expect(at(second.y, 0)).toEqual(at(first.y, 0));
    expect(ofLane(second.end.state, 0)).toEqual(ofLane(first.end.state, 0));
    expect(ofLane(second.end.segment, 0)).toEqual(ofLane(first.end.segment, 0));
  });

  it.each<[string, Run]>([
    ["in double precision", onReference],
    ["on the CPU", onCpu],
  ])("end their segments one by one, %s", async (_, run) => {
    const { end } = await walk(run, texts(2), [
      [N, N, N],
      [N - 1, N - 1, N - 1],
    ]);
    const all = await committed(subject, run, end, [1, 1, 1]);
    const some = await committed(subject, run, end, [1, 0, 1]);
    for (const [index, expected] of [all, end, all].entries()) {
      expect(ofLane(some.state, index)).toEqual(ofLane(expected.state, index));
      expect(ofLane(some.segment, index)).toEqual(ofLane(expected.segment, index));
    }
    const { segment } = start(subject, LANES);
    expectAllClose(all.segment, segment, 0);
    if (Object.keys(segment).length > 0) expect(all.state).not.toEqual(end.state);
  });
}

/** Lanes [1, ..] side by side. */
function stacked(lanes: readonly NumericTensor[]): NumericTensor {
  const [, ...rest] = lanes[0]?.shape ?? [];
  return { shape: [lanes.length, ...rest], data: Float64Array.from(lanes.flatMap(({ data }) => Array.from(data))) };
}

function gradientTests(subject: Subject): void {
  const { mixer, N, D, options } = subject;
  const shape = [2, 3 * N, D];
  const fresh = prefixed("state", start(subject, 2).state);
  const graph = lossGraph(mixer, subject.params, shape);
  const weights = Object.fromEntries(
    Object.entries(graph.inputs)
      .filter(([name]) => name.startsWith("weights."))
      .map(([name, symbol], i) => [name, noise(symbol.shape, 50 + i)]),
  );
  const feeds: Values = { ...subject.weights, ...weights, ...fresh, x: subject.input(2, 3 * N) };

  it("match central differences, from an empty past", () => {
    for (const name of [...Object.keys(subject.weights), "x"]) expectSlopes(graph, feeds, name);
  });

  it("match central differences, from a past and with respect to it", async () => {
    const { end } = await read(subject, onReference, subject.input(2, 2 * N, 4));
    const later = { ...feeds, ...prefixed("state", end.state) };
    const states = Object.keys(fresh).filter((name) => graph.inputs[name]);
    expect(states.length).toBeGreaterThan(0);
    for (const name of [...Object.keys(subject.weights), ...states, "x"]) expectSlopes(graph, later, name);
  });

  it("reach every weight right after initialisation", () => {
    const initial = flatten<FloatTensor>(freshOf(mixer, 1), "params");
    const found = under("gradients", evaluate(graph, { ...feeds, ...initial }));
    const reached = (name: string): boolean[] =>
      Array.from(valueOf(found, name).data, (slope) => Math.abs(slope) > 1e-3);
    for (const name of Object.keys(initial)) expect([name, reached(name).includes(true)]).toEqual([name, true]);
    for (const gate of options.gates ?? [])
      expect([gate, reached(`params.${gate}`).includes(false)]).toEqual([gate, false]);
  });

  it("can be carried from segment to segment, last to first", async () => {
    const parallel = under("gradients", evaluate(graph, feeds));
    const carried = await backwardBySegment(subject, feeds);
    expectAllClose(
      carried,
      Object.fromEntries(Object.keys(carried).map((name) => [name, valueOf(parallel, name)])),
      10 * subject.tolerance,
    );
  });
}

/** The loss, a weighted sum of all results, and `gradients.*` of it with respect to everything else. */
function lossGraph(mixer: SequenceMixer, params: Tree<FloatTensor>, shape: Shape): Graph {
  const results = resultsOf(applied(mixer, params, shape));
  const terms = Object.entries(results).map(([name, result]) =>
    sum(mul(result, input(`weights.${name}`, result.shape))),
  );
  const loss = terms.reduce((total, term) => add(total, term));
  const sources = Object.entries(createGraph({ loss }).inputs).filter(([name]) => !name.startsWith("weights."));
  const slopes = gradients(
    loss,
    sources.map(([, source]) => source),
  );
  return createGraph({ loss, ...Object.fromEntries(sources.map(([name], i) => [`gradients.${name}`, at(slopes, i)])) });
}

/** Everything that a loss can depend on, by name. */
function resultsOf({ y, state, writeWish, auxiliary }: MixerResult): Flat<Tensor> {
  return {
    y,
    ...flatten<Tensor>(state, "state"),
    ...(writeWish && { writeWish }),
    ...(auxiliary && { auxiliary }),
  };
}

/**
 * Compares the slope of the loss along a few directions of one input; the values that gradients do not flow through
 * stay unchanged.
 */
function expectSlopes(graph: Graph, feeds: Values, name: string): void {
  const { shape, data } = valueOf(feeds, name);
  const gradient = valueOf(evaluate(graph, feeds), `gradients.${name}`);
  const forward = createGraph({ loss: valueOf(graph.outputs, "loss") });
  const held = stopped(forward, feeds);
  const lossAt = (step: number, direction: ArrayLike<number>): number => {
    const moved = { shape, data: Float64Array.from(data, (value, i) => value + step * at(direction, i)) };
    return at(valueOf(evaluate(forward, { ...feeds, [name]: moved }, held), "loss").data, 0);
  };
  for (const seed of [1, 2, 3]) {
    const direction = noise(shape, seed).data;
    const expected = (lossAt(STEP, direction) - lossAt(-STEP, direction)) / (2 * STEP);
    const slope = direction.reduce((total, part, i) => total + part * at(gradient.data, i), 0);
    expect([name, Math.abs(slope - expected) < 1e-5 * (1 + Math.abs(expected)) ? expected : slope]).toEqual([
      name,
      expected,
    ]);
  }
}

/** The values of everything that gradients do not flow through. */
function stopped(graph: Graph, feeds: Values): Map<Tensor, Float64Tensor> {
  const nodes = graph.nodes.filter((node) => node.op === "stopGradient");
  const values = evaluate(createGraph(Object.fromEntries(nodes.entries())), feeds);
  return new Map(nodes.map((node, i) => [node, at(Object.values(values), i)]));
}

/** Small enough for functions with sharp bends, such as norms of short vectors. */
const STEP = 2e-6;

/** The gradients of the loss of {@link lossGraph} from one segment at a time: states first, then back over them. */
async function backwardBySegment(subject: Subject, feeds: Values): Promise<Values> {
  const { N } = subject;
  const x = valueOf(feeds, "x");
  const [batch = 0, length = 0] = x.shape;
  const starts = Array.from({ length: length / N }, (_, s) => s * N);
  let state = under("state", feeds);
  const before = [];
  for (const from of starts) {
    before.push(state);
    state = (await read(subject, onReference, cut(x, from, from + N), [], { ...start(subject, batch), state })).end
      .state;
  }
  const graph = segmentGradients(subject, batch);
  let incoming = under("weights.state", feeds);
  let total: Values = {};
  for (const from of starts.toReversed()) {
    const part = (name: string): NumericTensor => cut(valueOf(feeds, name), from, from + N);
    const byToken = Object.keys(graph.inputs).filter((name) => name === "x" || /^weights\.(y|writeWish)$/.test(name));
    const results = evaluate(graph, {
      ...feeds,
      ...Object.fromEntries(byToken.map((name) => [name, part(name)])),
      ...prefixed("state", before[from / N] ?? {}),
      ...prefixed("weights.state", incoming),
    });
    const slopes = under("gradients", results);
    incoming = under("state", slopes);
    total = Object.fromEntries(
      Object.keys(subject.weights).map((name) => [name, plus(total[name], valueOf(slopes, name))]),
    );
  }
  return { ...total, ...prefixed("state", incoming) };
}

/** As in {@link lossGraph} for one segment; `weights.state.*` is the gradient with respect to the state after it. */
function segmentGradients({ mixer, params, N, D }: Subject, batch: number): Graph {
  const sources = { ...leaves(params, "params"), ...leaves(mixer.initialState(batch), "state") };
  const [weights, before] = [
    unflatten<Tree<Tensor>>(sources, params, "params"),
    unflatten<Tree<Tensor>>(sources, mixer.initialState(batch), "state"),
  ];
  const results = resultsOf(mixer.apply(weights, input("x", [batch, N, D]), before));
  const seeds = Object.entries(results).map(([name, output]) => ({
    output,
    gradient: input(`weights.${name}`, output.shape),
  }));
  const slopes = vectorJacobianProduct(seeds, Object.values(sources));
  return createGraph(Object.fromEntries(Object.keys(sources).map((name, i) => [`gradients.${name}`, at(slopes, i)])));
}

function savingTests(subject: Subject, onCpu: Run): void {
  const { N } = subject;
  const [x, more] = [subject.input(2, 2 * N + 2), subject.input(2, 2 * N + 1, 6)];

  it("continues as if it had never been saved, bit for bit", async () => {
    const { end } = await read(subject, onCpu, x);
    expect(end.offset).toBe(2);
    const bytes = encodeSafetensors({
      ...prefixed("state", end.state),
      ...prefixed("segment", end.segment),
    } as Flat<HostTensor>);
    const form = { state: subject.mixer.initialState(2), segment: subject.mixer.emptySegment(2) };
    const { state, segment } = restoreTree(form, decodeSafetensors(bytes, "state").tensors, "state");
    const restored = { state: flatten<FloatTensor>(state), segment: flatten<FloatTensor>(segment), offset: end.offset };
    const expected = await read(subject, onCpu, more, [], end);
    expect(await read(subject, onCpu, more, [], restored)).toEqual(expected);
    const { state: noState, segment: noSegment } = start(subject, 2);
    const emptied =
      Object.keys(noSegment).length > 0 ? { ...restored, segment: noSegment } : { ...restored, state: noState };
    expect((await read(subject, onCpu, more, [], emptied)).y).not.toEqual(expected.y);
  });
}

function naiveTests(subject: Subject, onCpu: Run): void {
  const { N, options, params, tolerance: exact } = subject;
  const naive = (x: NumericTensor): NaiveMixerResult => {
    if (!options.naive) throw new Error("there is none");
    return options.naive(params, x);
  };

  it.each<[string, Run, number]>([
    ["in double precision", onReference, 10 * exact],
    ["on the CPU", onCpu, 1e-4],
  ])("gives the same numbers %s", async (_, run, tolerance) => {
    for (const length of [1, N - 1, N, N + 1, 4 * N, 4 * N + 2]) {
      const x = subject.input(2, length);
      const [expected, actual] = [naive(x), await read(subject, run, x)];
      expectClose(actual.y, expected.y, tolerance);
      expectAllClose(actual.end.state, flatten<NumericTensor & FloatTensor>(expected.state), tolerance);
    }
  });

  it("gives the same write wish and the same auxiliary loss", async () => {
    const x = subject.input(2, 3 * N);
    const state = prefixed("state", start(subject, 2).state);
    const actual = evaluate(subject.segments(2, 3 * N), { ...subject.weights, ...state, x });
    const { writeWish, auxiliary } = naive(x);
    expect(actual["writeWish"] === undefined).toBe(writeWish === undefined);
    if (writeWish) expectClose(actual["writeWish"], writeWish, 1e-9);
    expect(actual["auxiliary"] === undefined).toBe(auxiliary === undefined);
    if (auxiliary !== undefined) expectClose(actual["auxiliary"], { shape: [], data: [auxiliary] }, 1e-9);
  });
}
