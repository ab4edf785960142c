import { expect } from "vitest";
import type { Engine, Program } from "../../engine/engine.ts";
import { expectClose } from "../../engine/engine.suite.ts";
import { createNodeEngine } from "../../engine/ort/ort-node.ts";
import { evaluate, type NumericTensor } from "../../engine/reference/reference.ts";
import { input } from "../../graph/builder.ts";
import { createGraph, type Graph } from "../../graph/graph.ts";
import { optimize } from "../../graph/passes/optimize.ts";
import {
  floatTensor,
  intTensor,
  sizeOf,
  type FloatTensor,
  type HostTensor,
  type Shape,
} from "../../tensor/host-tensor.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { prefixed, flatten, mapTree, type Flat, type Tree } from "../../tensor/tree.ts";
import { createRng } from "../../base/random.ts";
import { initialize } from "../../nn/spec.ts";
import type { SequenceMixer } from "../contract.ts";
import { commitLanes } from "../shared/lanes.ts";
import { writerAt } from "../shared/segments.ts";

/* A mixer run in each of the ways that the contract offers to go through a sequence, for tests. */

export interface MixerSuiteOptions {
  /** The mixer at a small size. */
  readonly mixer: SequenceMixer;
  readonly modelDim: number; // D
  readonly segmentLength: number; // N, 3 or more
  /** The same computation in plain loops, for x [B, T, D] of any length and from an empty past. */
  readonly naive?: (params: Tree<NumericTensor>, x: NumericTensor) => NaiveMixerResult;
  /** How many segments back the last token of a segment sees, 0 to 2. Default 2: all those before it. */
  readonly reach?: 0 | 1 | 2;
  /**
   * How far apart the ways through a sequence may be in double precision. Default 1e-10; more where positions, whose
   * tables are of single precision, are counted from a different token in each.
   */
  readonly tolerance?: number;
  /** Leaves of which every element must have a gradient right after initialisation. */
  readonly gates?: readonly string[];
}

export interface NaiveMixerResult {
  readonly y: NumericTensor;
  readonly state: Tree<NumericTensor>;
  readonly writeWish?: NumericTensor;
  /** The mixer's own loss, summed over all tokens. */
  readonly auxiliary?: number;
}

/** Values for inputs, or results, by name. */
export type Values = Flat<NumericTensor>;

/** Computes a graph. */
export type Run = (graph: Graph, feeds: Values) => Promise<Values>;

/** In double precision. */
export const onReference: Run = async (graph, feeds) => evaluate(graph, feeds);

/** In single precision, by ONNX Runtime on the CPU; start it before and stop it after. */
export function ortRunner(): { readonly run: Run; start(): Promise<void>; stop(): Promise<void> } {
  let engine: Engine;
  const programs = new Map<Graph, Program>();
  return {
    async start() {
      engine = await createNodeEngine({ device: "cpu", threads: 1 });
    },
    async stop() {
      for (const program of programs.values()) await program.dispose();
    },
    async run(graph, feeds) {
      const program = programs.get(graph) ?? (await engine.compile(graph));
      programs.set(graph, program);
      const fed = Object.entries(graph.inputs).map(([name, { dtype }]) => {
        const { shape, data } = valueOf(feeds, name);
        return [
          name,
          dtype === "int32" ? intTensor(shape, Int32Array.from(data)) : floatTensor(shape, Float32Array.from(data)),
        ];
      });
      return program.run(Object.fromEntries(fed) as Flat<HostTensor>);
    },
  };
}

/**
 * y, `next.state.*`, `writeWish` and `auxiliary`, where there is one, of whole segments; from `params.*`, `state.*` and
 * `x`.
 */
export function applyGraph(mixer: SequenceMixer, params: Tree<FloatTensor>, shape: Shape): Graph {
  const { y, state, writeWish, auxiliary } = applied(mixer, params, shape);
  return createGraph({
    y,
    ...flatten<Tensor>(state, "next.state"),
    ...(writeWish && { writeWish }),
    ...(auxiliary && { auxiliary }),
  });
}

/** Values of the standard normal distribution, times `scale`, exact in single precision. */
export function noise(shape: Shape, seed: number, scale = 1): FloatTensor {
  const rng = createRng(seed);
  return floatTensor(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, () => scale * rng.normal()),
  );
}

/** The initial weights of a mixer. */
export function freshOf(mixer: SequenceMixer, seed: number): Tree<FloatTensor> {
  return initialize(mixer.specs(1), createRng(seed));
}

/** Initial weights moved a little, so that none is zero or one. */
export function noisyParams(mixer: SequenceMixer, seed = 1): Tree<FloatTensor> {
  let leaf = 0;
  return mapTree(freshOf(mixer, seed), (value) => {
    const { shape, data } = value as FloatTensor;
    const moves = noise(shape, 1000 * seed + leaf++, 0.3).data;
    return floatTensor(
      shape,
      data.map((element, i) => element + (moves[i] ?? 0)),
    );
  });
}

/** The value of one name. Throws `RangeError` when there is none. */
export function valueOf<T>(values: Flat<T>, name: string): T {
  const value = values[name];
  if (!value) throw new RangeError(`there is no "${name}"`);
  return value;
}

/** The values whose name begins with the prefix and a dot, by the rest of the name. */
export function under(prefix: string, values: Values): Values {
  const found = Object.entries(values).filter(([name]) => name.startsWith(`${prefix}.`));
  return Object.fromEntries(found.map(([name, value]) => [name.slice(prefix.length + 1), value]));
}

/** Fails unless the same names have values that are close to each other. */
export function expectAllClose(actual: Values, expected: Values, tolerance: number): void {
  expect(Object.keys(actual).toSorted()).toEqual(Object.keys(expected).toSorted());
  for (const [name, value] of Object.entries(expected)) expectClose(actual[name], value, tolerance);
}

/** A mixer with weights, and the graphs that run it. */
export interface Subject {
  readonly options: MixerSuiteOptions;
  readonly mixer: SequenceMixer;
  readonly N: number;
  readonly D: number;
  readonly tolerance: number;
  readonly params: Tree<FloatTensor>;
  readonly weights: Values; // params.*
  readonly segments: (batch: number, tokens: number) => Graph;
  readonly chunk: (batch: number, tokens: number) => Graph;
  readonly commit: (batch: number) => Graph;
  readonly input: (batch: number, tokens: number, seed?: number) => FloatTensor;
}

export function subjectOf(options: MixerSuiteOptions): Subject {
  const { mixer, modelDim: D, segmentLength: N, tolerance = 1e-10 } = options;
  const params = noisyParams(mixer);
  return {
    options,
    mixer,
    N,
    D,
    tolerance,
    params,
    weights: flatten<FloatTensor>(params, "params"),
    segments: remembered((batch, tokens) => applyGraph(mixer, params, [batch, tokens, D])),
    chunk: remembered((batch, tokens) => chunkGraph(mixer, params, [batch, tokens, D], N)),
    commit: remembered((batch) => commitGraph(mixer, params, batch)),
    input: (batch, tokens, seed = 2) => noise([batch, tokens, D], seed, 1.5),
  };
}

export function remembered(build: (...sizes: number[]) => Graph): (...sizes: number[]) => Graph {
  const built = new Map<string, Graph>();
  return (...sizes) => {
    const graph = built.get(sizes.join()) ?? build(...sizes);
    built.set(sizes.join(), graph);
    return graph;
  };
}

export function symbols(tree: Tree<FloatTensor>, prefix: string): Tree<Tensor> {
  return mapTree(tree, ({ shape }, path) => input(`${prefix}.${path}`, shape));
}

export function leaves(tree: Tree<FloatTensor>, prefix: string): Flat<Tensor> {
  return flatten<Tensor>(symbols(tree, prefix), prefix);
}

export function applied(
  mixer: SequenceMixer,
  params: Tree<FloatTensor>,
  shape: Shape,
): ReturnType<SequenceMixer["apply"]> {
  const state = symbols(mixer.initialState(shape[0] ?? 0), "state");
  return mixer.apply(symbols(params, "params"), input("x", shape), state);
}

export function chunkGraph(mixer: SequenceMixer, params: Tree<FloatTensor>, shape: Shape, N: number): Graph {
  const [batch = 0, tokens = 0] = shape;
  const open = {
    state: symbols(mixer.initialState(batch), "state"),
    segment: symbols(mixer.emptySegment(batch), "segment"),
  };
  const place = { offset: input("offset", [batch], "int32"), length: input("length", [batch], "int32") };
  const { y, state, rows } = mixer.extend(symbols(params, "params"), input("x", shape), open, place);
  const put = writerAt(place, tokens, N);
  const added = flatten<Tensor>(rows);
  const segment = mapTree<Tree<Tensor>>(open.segment, (leaf, name) => put(leaf as Tensor, valueOf(added, name)));
  return createGraph({ y, ...flatten<Tensor>(state, "next.state"), ...flatten<Tensor>(segment, "next.segment") });
}

export function commitGraph(mixer: SequenceMixer, params: Tree<FloatTensor>, batch: number): Graph {
  const open = {
    state: symbols(mixer.initialState(batch), "state"),
    segment: symbols(mixer.emptySegment(batch), "segment"),
  };
  const after = commitLanes(mixer, symbols(params, "params"), open, input("isFull", [batch], "int32"));
  return createGraph({
    ...flatten<Tensor>(after.state, "next.state"),
    ...flatten<Tensor>(after.segment, "next.segment"),
  });
}

/** The position of a reader. */
export interface Moment {
  readonly state: Values;
  readonly segment: Values;
  readonly offset: number; // tokens in the open segment
}

/** How some tokens are read. */
export interface Piece {
  readonly tokens: number;
  /** Whole segments by `apply`, where the piece has them. */
  readonly whole?: boolean;
  /** By programs for N tokens, filled up with noise. */
  readonly padded?: boolean;
}

export interface Reading {
  readonly y: NumericTensor;
  readonly end: Moment;
}

export function start({ mixer }: Subject, batch: number): Moment {
  return {
    state: flatten<FloatTensor>(mixer.initialState(batch)),
    segment: flatten<FloatTensor>(mixer.emptySegment(batch)),
    offset: 0,
  };
}

/** Reads all of x in pieces: the pieces given, then the rest as one. */
export async function read(
  subject: Subject,
  run: Run,
  x: NumericTensor,
  pieces: readonly Piece[] = [],
  from?: Moment,
): Promise<Reading> {
  const [batch = 0, length = 0] = x.shape;
  let [moment, position] = [from ?? start(subject, batch), 0];
  const parts: NumericTensor[] = [];
  for (const { tokens, whole = false, padded = false } of [...pieces, { tokens: length, whole: true }]) {
    const end = Math.min(position + tokens, length);
    while (position < end) {
      const segments = Math.floor((end - position) / subject.N);
      const byApply = whole && moment.offset === 0 && segments > 0;
      const count = byApply ? segments * subject.N : Math.min(end - position, subject.N - moment.offset);
      const part = cut(x, position, position + count);
      const reading = byApply
        ? await readWhole(subject, run, part, moment)
        : await readPart(subject, run, part, moment, padded);
      parts.push(reading.y);
      [moment, position] = [reading.end, position + count];
    }
  }
  return { y: joined(parts), end: moment };
}

export async function readWhole(
  subject: Subject,
  run: Run,
  x: NumericTensor,
  { state, segment }: Moment,
): Promise<Reading> {
  const [batch = 0, length = 0] = x.shape;
  const found = await run(subject.segments(batch, length), { ...subject.weights, ...prefixed("state", state), x });
  return { y: valueOf(found, "y"), end: { state: under("next.state", found), segment, offset: 0 } };
}

export async function readPart(
  subject: Subject,
  run: Run,
  x: NumericTensor,
  moment: Moment,
  padded: boolean,
): Promise<Reading> {
  const [batch = 0, count = 0] = x.shape;
  const size = padded ? subject.N : count;
  const fed = size === count ? x : joined([x, noise([batch, size - count, subject.D], 99, 3)]);
  const after = await readRows(
    subject,
    run,
    fed,
    { ...moment, offsets: Array<number>(batch).fill(moment.offset) },
    {
      lengths: Array<number>(batch).fill(count),
    },
  );
  return { y: cut(after.y, 0, count), end: { ...after.end, offset: at(after.end.offsets, 0) } };
}

/** The positions of lanes, each independent of the others. */
export interface Places extends Omit<Moment, "offset"> {
  readonly offsets: readonly number[];
}

/**
 * Reads the first `lengths` tokens of each lane of x [B, C, D], by one chunk and one commit of the lanes whose segment is full.
 * The values of y [B, C, D] for other tokens are meaningless.
 */
export async function readRows(
  subject: Subject,
  run: Run,
  x: NumericTensor,
  { state, segment, offsets }: Places,
  { lengths }: { readonly lengths: readonly number[] },
): Promise<{ readonly y: NumericTensor; readonly end: Places }> {
  const [batch = 0, size = 0] = x.shape;
  const place = { offset: laneNumbers(offsets), length: laneNumbers(lengths) };
  const open = { ...prefixed("state", state), ...prefixed("segment", segment) };
  const found = await run(subject.chunk(batch, size), { ...subject.weights, ...open, ...place, x });
  const end = { state: under("next.state", found), segment: under("next.segment", found) };
  const y = valueOf(found, "y");
  const reached = offsets.map((offset, index) => offset + at(lengths, index));
  if (!reached.includes(subject.N)) return { y, end: { ...end, offsets: reached } };
  const isFull = reached.map((offset) => (offset === subject.N ? 1 : 0));
  return { y, end: { ...(await committed(subject, run, end, isFull)), offsets: reached.map((n) => n % subject.N) } };
}

/** The state and the open segment after the segments of these lanes were written to memory. */
export async function committed(
  subject: Subject,
  run: Run,
  { state, segment }: Pick<Moment, "state" | "segment">,
  isFull: readonly number[],
): Promise<Pick<Moment, "state" | "segment">> {
  const open = { ...prefixed("state", state), ...prefixed("segment", segment) };
  const feeds = { ...subject.weights, ...open, isFull: laneNumbers(isFull) };
  const found = await run(subject.commit(isFull.length), feeds);
  return { state: under("next.state", found), segment: under("next.segment", found) };
}

function laneNumbers(values: readonly number[]): NumericTensor {
  return { shape: [values.length], data: Float64Array.from(values) };
}

/** The subject with other values for some weights, by name. Fails for weights that it does not have. */
export function withWeights(subject: Subject, replaced: Values): Subject {
  for (const [name, { shape }] of Object.entries(replaced)) {
    expect([name, valueOf(subject.weights, `params.${name}`).shape]).toEqual([name, shape]);
  }
  return { ...subject, weights: { ...subject.weights, ...prefixed("params", replaced) } };
}

/** Fails unless all values lie between the outer two numbers, and about half of them below the one in the middle. */
export function expectSpread(values: Float32Array, [from, middle, to]: readonly [number, number, number]): void {
  expect(values.every((value) => value > 0.999 * from && value < 1.001 * to)).toBe(true);
  expect(Math.abs(values.filter((value) => value < middle).length / values.length - 0.5)).toBeLessThan(0.1);
}

/** Multiplications of all matrix products of a graph as run. */
export function multiplications(graph: Graph): number {
  return optimize(graph).nodes.reduce((total, { op, shape, inputs }) => {
    return op === "matmul" ? total + sizeOf(shape) * (inputs[0]?.shape.at(-1) ?? 0) : total;
  }, 0);
}

/** The tokens start .. end-1 of [B, T, ..]. */
export function cut({ shape, data }: NumericTensor, from: number, end: number): NumericTensor {
  const [batch = 0, length = 0, ...rest] = shape;
  const width = sizeOf(rest);
  const lanes = Array.from({ length: batch }, (_, b) =>
    Array.from(data).slice((b * length + from) * width, (b * length + end) * width),
  );
  return { shape: [batch, end - from, ...rest], data: Float64Array.from(lanes.flat()) };
}

/** Parts [B, T, ..] joined in time. */
export function joined(parts: readonly NumericTensor[]): NumericTensor {
  const [batch = 0, , ...rest] = parts[0]?.shape ?? [];
  const lanes = Array.from({ length: batch }, (_, b) => parts.flatMap((part) => Array.from(lane(part, b).data)));
  const length = parts.reduce((total, { shape }) => total + (shape[1] ?? 0), 0);
  return { shape: [batch, length, ...rest], data: Float64Array.from(lanes.flat()) };
}

/** The sequence [1, T, D] with another token at t. */
export function perturbed(x: FloatTensor, t: number): FloatTensor {
  const D = x.shape[2] ?? 0;
  const other = noise([D], 7, 3).data;
  return floatTensor(
    x.shape,
    x.data.map((value, i) => (Math.floor(i / D) === t ? (other[i % D] ?? 0) : value)),
  );
}

/** One lane of [B, ..] as [1, ..]. */
export function lane({ shape, data }: NumericTensor, index: number): NumericTensor {
  const [, ...rest] = shape;
  const width = sizeOf(rest);
  return { shape: [1, ...rest], data: Float64Array.from(Array.from(data).slice(index * width, (index + 1) * width)) };
}

/** All lanes, one of them zeroed. */
export function withoutLane({ shape, data }: NumericTensor, index: number): NumericTensor {
  const width = sizeOf(shape.slice(1));
  return { shape, data: Float64Array.from(data, (value, i) => (Math.floor(i / width) === index ? 0 : value)) };
}

export function plus(a: NumericTensor | undefined, b: NumericTensor): NumericTensor {
  return a ? { shape: b.shape, data: Float64Array.from(b.data, (value, i) => value + at(a.data, i)) } : b;
}

/** The largest distance between elements. */
export function farthest(a: NumericTensor, b: NumericTensor): number {
  expect(a.shape).toEqual(b.shape);
  return Array.from(a.data).reduce((most, value, i) => Math.max(most, Math.abs(value - at(b.data, i))), 0);
}

export function at<T>(values: ArrayLike<T>, i: number): T {
  const value = values[i];
  if (value === undefined) throw new RangeError(`there is no element ${i} of ${values.length}`);
  return value;
}
