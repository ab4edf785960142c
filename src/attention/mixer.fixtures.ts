import { evaluate, type NumericTensor } from "../engine/reference.ts";
import { vectorJacobianProduct } from "../autodiff/gradients.ts";
import { add, input, mul, sum } from "../graph/builder.ts";
import { createGraph, type Graph } from "../graph/graph.ts";
import { floatTensor, type FloatTensor, type Shape } from "../graph/host-tensor.ts";
import type { Tensor } from "../graph/tensor.ts";
import { flatten, mapTree, type Flat, type Tree } from "../graph/tree.ts";
import { createRng, type Rng } from "../random.ts";
import type { SequenceMixer } from "./mixer.ts";

/* A mixer on the float64 reference engine, for tests. */

export type Values = Flat<NumericTensor>;

/** State and open segment of a mixer in the middle of a sequence, with `state.` and `segment.` before each name. */
export interface Reader {
  readonly open: Values;
  /** Tokens read. */
  readonly position: number;
}

/** A tensor [.., last] of standard normal values. */
export function randomValues(shape: Shape, rng: Rng): FloatTensor {
  return floatTensor(shape, Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => rng.normal()));
}

/** Fresh parameters with noise on every leaf, so that none is zero or one. */
export function noisyParams(mixer: SequenceMixer, seed: number): Values {
  const rng = createRng(seed);
  const params = mapTree<Tree<FloatTensor>>(mixer.initParams(rng.fork("params"), 1), (leaf, name) => {
    const { shape, data } = leaf as FloatTensor;
    const noise = rng.fork(name);
    return floatTensor(shape, data.map((value) => value + 0.3 * noise.normal()));
  });
  return named("params", flatten<FloatTensor>(params));
}

/** `apply` to x [B, length, D] as a graph: outputs `y` and `next.state.*`. */
export function applyGraph(mixer: SequenceMixer, batch: number, length: number, modelDim: number): Graph {
  const { y, state } = appliedTo(mixer, batch, length, modelDim);
  return createGraph({ y, ...named("next.state", flatten<Tensor>(state)) });
}

/**
 * `loss`, the sum of all products of y with `cotangent.y` and of the state after with `cotangent.state.*`, and its
 * gradients with respect to every input as `gradient.*`.
 */
export function gradientGraph(mixer: SequenceMixer, batch: number, length: number, modelDim: number): Graph {
  const { y, state, inputs } = appliedTo(mixer, batch, length, modelDim);
  const results = Object.entries({ y, ...named("state", flatten<Tensor>(state)) });
  const seeds = results.map(([name, output]) => ({ output, gradient: input(`cotangent.${name}`, output.shape) }));
  const loss = seeds.map(({ output, gradient }) => sum(mul(output, gradient))).reduce((a, b) => add(a, b));
  const slopes = vectorJacobianProduct(seeds, Object.values(inputs));
  const names = Object.keys(inputs);
  return createGraph({ loss, ...Object.fromEntries(slopes.map((slope, i) => [`gradient.${names[i]}`, slope])) });
}

/** Part of one segment, `size` rows. */
export function extendGraph(mixer: SequenceMixer, batch: number, size: number, modelDim: number): Graph {
  const [state, segment] = [symbols(mixer.initialState(batch), "state"), symbols(mixer.emptySegment(batch), "segment")];
  const place = { offset: input("offset", [], "int32"), length: input("length", [], "int32") };
  const result = mixer.extend(symbols(mixer.initParams(createRng(0), 1), "params"), input("x", [batch, size, modelDim]), { state, segment }, place);
  return createGraph({
    y: result.y,
    ...named("next.state", flatten<Tensor>(result.state)),
    ...named("next.segment", flatten<Tensor>(result.segment)),
  });
}

export function commitGraph(mixer: SequenceMixer, batch: number): Graph {
  const [state, segment] = [symbols(mixer.initialState(batch), "state"), symbols(mixer.emptySegment(batch), "segment")];
  const next = mixer.commit(symbols(mixer.initParams(createRng(0), 1), "params"), { state, segment });
  return createGraph(named("next.state", flatten<Tensor>(next)));
}

/** A reader that has read nothing. */
export function newReader(mixer: SequenceMixer, batch: number): Reader {
  return { open: { ...stateValues(mixer, batch), ...emptyValues(mixer, batch) }, position: 0 };
}

export function stateValues(mixer: SequenceMixer, batch: number): Values {
  return named("state", flatten<FloatTensor>(mixer.initialState(batch)));
}

/** Reads x [B, T, D] in pieces: the sizes of `chunks` over and over, cut at segment ends and padded to `rows`. */
export function readInChunks(
  mixer: SequenceMixer,
  params: Values,
  x: NumericTensor,
  { from, chunks, segmentLength: N, rows = N }: { from: Reader; chunks: readonly number[]; segmentLength: number; rows?: number },
): { y: NumericTensor; reader: Reader } {
  const [batch = 1, total = 0, D = 1] = x.shape;
  const extend = extendGraph(mixer, batch, rows, D);
  const commit = commitGraph(mixer, batch);
  const parts: NumericTensor[] = [];
  let { open, position } = from;
  for (let done = 0, turn = 0; done < total; turn++) {
    const length = Math.min(chunks[turn % chunks.length] ?? 1, rows, total - done, N - (position % N));
    const feeds = { x: padRows(takeRows(x, done, length), rows), offset: scalarOf(position % N), length: scalarOf(length) };
    const { y, ...next } = evaluate(extend, { ...params, ...open, ...feeds });
    if (y) parts.push(takeRows(y, 0, length));
    open = { ...open, ...withoutNext(next) };
    [done, position] = [done + length, position + length];
    if (position % N === 0) open = { ...withoutNext(evaluate(commit, { ...params, ...open })), ...emptyValues(mixer, batch) };
  }
  return { y: joinRows(parts), reader: { open, position } };
}

/** Rows start .. start+length-1 along the second axis of [B, T, D]. */
export function takeRows({ shape, data }: NumericTensor, start: number, length: number): NumericTensor {
  const [B = 1, T = 0, D = 1] = shape;
  const rows = Array.from({ length: B }, (_, b) => Array.from(data).slice((b * T + start) * D, (b * T + start + length) * D));
  return { shape: [B, length, D], data: rows.flat() };
}

/** One lane [1, ..] of [B, ..]. */
export function takeLane({ shape, data }: NumericTensor, lane: number): NumericTensor {
  const size = data.length / (shape[0] ?? 1);
  return { shape: [1, ...shape.slice(1)], data: Array.from(data).slice(lane * size, (lane + 1) * size) };
}

export function named<T>(prefix: string, values: Flat<T>): Flat<T> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}.${name}`, value]));
}

/** `next.a` -> `a`; what has another name is left out. */
export function withoutNext<T>(values: Flat<T>): Flat<T> {
  const entries = Object.entries(values).filter(([name]) => name.startsWith("next."));
  return Object.fromEntries(entries.map(([name, value]) => [name.slice("next.".length), value]));
}

// --- internal ---

function appliedTo(
  mixer: SequenceMixer,
  batch: number,
  length: number,
  modelDim: number,
): { y: Tensor; state: Tree<Tensor>; inputs: Flat<Tensor> } {
  const params = symbols(mixer.initParams(createRng(0), 1), "params");
  const before = symbols(mixer.initialState(batch), "state");
  const x = input("x", [batch, length, modelDim]);
  const { y, state } = mixer.apply(params, x, before);
  return { y, state, inputs: { ...named("params", flatten<Tensor>(params)), ...named("state", flatten<Tensor>(before)), x } };
}

function symbols(like: Tree<FloatTensor>, prefix: string): Tree<Tensor> {
  return mapTree(like, ({ shape }, name) => input(`${prefix}.${name}`, shape));
}

function emptyValues(mixer: SequenceMixer, batch: number): Values {
  return named("segment", flatten<FloatTensor>(mixer.emptySegment(batch)));
}

function scalarOf(value: number): NumericTensor {
  return { shape: [], data: [value] };
}

/** Fills up with rows that nothing may depend on. */
function padRows({ shape, data }: NumericTensor, rows: number): NumericTensor {
  const [B = 1, T = 0, D = 1] = shape;
  const junk = Array.from({ length: (rows - T) * D }, () => 7);
  const lanes = Array.from({ length: B }, (_, b) => [...Array.from(data).slice(b * T * D, (b + 1) * T * D), ...junk]);
  return { shape: [B, rows, D], data: lanes.flat() };
}

function joinRows(parts: readonly NumericTensor[]): NumericTensor {
  const [B = 1, , D = 1] = parts[0]?.shape ?? [];
  const lanes = Array.from({ length: B }, (_, b) => parts.flatMap((part) => [...Array.from(takeLane(part, b).data)]));
  return { shape: [B, (lanes[0]?.length ?? 0) / D, D], data: lanes.flat() };
}
