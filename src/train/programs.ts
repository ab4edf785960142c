import { vectorJacobianProduct, gradients } from "../autodiff/gradients.ts";
import type { Program } from "../engine/engine.ts";
import type { Store } from "../engine/store/store.ts";
import { add, constant, div, input, min, scalar, sqrt, square, sum } from "../graph/builder.ts";
import { createGraph, type Graph } from "../graph/graph.ts";
import { named, nameOf, nextValues } from "../graph/names.ts";
import { hasLossByChunks } from "../graph/passes/linear-cross-entropy.ts";
import type { FloatTensor } from "../tensor/host-tensor.ts";
import { SMALLEST_DENOMINATOR } from "../graph/limits.ts";
import type { Weight } from "../nn/weight.ts";
import type { Tensor } from "../graph/tensor.ts";
import { flatten, mapTree, prefixed, type Flat } from "../tensor/tree.ts";
import { layerInputs, parameterInputs } from "../model/inputs.ts";
import { resetLanes, type LayerStates, type Model, type ModelParams } from "../model/transformer.ts";
import type { ParamSpec } from "../nn/spec.ts";
import { nextToken, type Objective, type ObjectiveBatch, type ObjectiveResult } from "./objective.ts";
import { parameterGroup, type Optimizer } from "./optimizer.ts";

/*
 * Inputs of the graphs besides the values of graph/names.ts: `tokens`, `targets`, `weights`, `rows`, `startOfSequence`, `writePenalty`,
 * `writeMargin` and `auxiliaryWeight`.
 */

/** What an update needs besides the gradients. */
export interface UpdateConfig {
  readonly optimizer: Optimizer;
  /** Gradients are scaled down to this global norm. */
  readonly clipNorm: number;
  /** Factor on the learning rate of the memory gates. */
  readonly gateLearningRateFactor: number;
}

/** Which parameters are trained. */
export type Trainable = (spec: ParamSpec, path: string) => boolean;

/** What is trained, and towards what. */
export interface TrainedParts {
  /** Default: {@link nextToken}. */
  readonly objective?: Objective | undefined;
  /** Default: all parameters. */
  readonly trainable?: Trainable | undefined;
}

/** Tokens of one step. */
export interface BatchShape {
  readonly batch: number;
  readonly length: number;
  /**
   * Tokens of each lane, on average, that count in the loss, where that is fewer than all: logits are computed for them
   * alone, see scored.ts.
   */
  readonly scored?: number;
}

/**
 * Loss, gradients and update of one batch in one graph: the whole training step is one run. With `carries`, lanes may
 * start from the memory that the step before has left.
 */
export function trainingStep(
  model: Model,
  params: ModelParams<FloatTensor>,
  shape: BatchShape,
  update: UpdateConfig,
  carries: boolean,
  parts: TrainedParts = {},
): Graph {
  const symbols = parameterInputs(params);
  const state = carries ? carriedStates(model, shape.batch) : zeroStates(model, shape.batch);
  const result = (parts.objective ?? nextToken)(model, symbols, { ...batchInputs(shape), state });
  const flat = trainedOf(model, symbols, parts);
  const slopes = gradients(totalOf(result), Object.values(flat));
  const memory = carries ? nextValues(named<Tensor>("memory", result.state)) : {};
  return createGraph({ ...reported(result), ...memory, ...applyUpdate(model, params, flat, slopes, update) });
}

/** Loss and gradients of a batch, added to `gradients.*`. */
export function accumulateGradients(
  model: Model,
  params: ModelParams<FloatTensor>,
  shape: BatchShape,
  parts: TrainedParts = {},
): Graph {
  const symbols = parameterInputs(params);
  const state = zeroStates(model, shape.batch);
  const result = (parts.objective ?? nextToken)(model, symbols, { ...batchInputs(shape), state });
  const flat = trainedOf(model, symbols, parts);
  const slopes = gradients(totalOf(result), Object.values(flat));
  return createGraph({ ...reported(result), ...addedGradients(flat, slopes) });
}

/** The state after a segment. */
export function segmentForward(model: Model, params: ModelParams<FloatTensor>, shape: BatchShape): Graph {
  const { tokens } = batchInputs(shape);
  const { state } = model.apply(parameterInputs(params), tokens, layerInputs(model.initialState(shape.batch), "state"));
  return createGraph(nextValues(named<Tensor>("state", state)));
}

/**
 * The backward pass through one segment, which is computed again from the state before it: from the gradient
 * of the loss with respect to the state after the segment to that before it. Adds to `gradients.*`.
 */
export function segmentBackward(
  model: Model,
  params: ModelParams<FloatTensor>,
  shape: BatchShape,
  parts: TrainedParts = {},
): Graph {
  const symbols = parameterInputs(params);
  const before = layerInputs(model.initialState(shape.batch), "state");
  const incoming = flatten<Tensor>(layerInputs(model.initialState(shape.batch), "nextStateGradients"));
  const result = (parts.objective ?? nextToken)(model, symbols, { ...batchInputs(shape), state: before });
  const after = Object.entries(flatten<Tensor>(result.state));
  const seeds = after.map(([name, output]) => ({ output, gradient: leaf(incoming, name) }));
  const [flat, flatBefore] = [trainedOf(model, symbols, parts), flatten<Tensor>(before)];
  const sources = [...Object.values(flat), ...Object.values(flatBefore)];
  const slopes = vectorJacobianProduct([{ output: totalOf(result), gradient: scalar(1) }, ...seeds], sources);
  const count = Object.keys(flat).length;
  const stateSlopes = Object.keys(flatBefore).map((name, i) => [name, slopes[count + i]] as const);
  return createGraph({
    ...reported(result),
    ...addedGradients(flat, slopes.slice(0, count)),
    ...named<Tensor>("stateGradients", Object.fromEntries(stateSlopes)),
  });
}

/** New parameters from accumulated gradients. */
export function updateStep(
  model: Model,
  params: ModelParams<FloatTensor>,
  update: UpdateConfig,
  parts: TrainedParts = {},
): Graph {
  const flat = trainedOf(model, parameterInputs(params), parts);
  const slopes = Object.entries(flat).map(([name, { shape }]) => input(nameOf("gradients", name), shape));
  return createGraph(applyUpdate(model, params, flat, slopes, update));
}

/** Compiles a graph of training; one whose loss goes by chunks gives back what it took for them. */
export function compileStep(store: Pick<Store, "compile">, graph: Graph): Promise<Program> {
  return store.compile(graph, { sparing: hasLossByChunks(graph) });
}

/** Compiles several graphs in turn. */
export async function compileAll<Name extends string>(
  store: Pick<Store, "compile">,
  graphs: Record<Name, Graph>,
): Promise<Record<Name, Program>> {
  const programs: Partial<Record<Name, Program>> = {};
  for (const name in graphs) programs[name] = await compileStep(store, graphs[name]);
  return programs as Record<Name, Program>;
}

/** Whether a parameter is trained, by its path. Others have no gradient and no state of the optimizer. */
export function isTrained({ specs }: Model, { trainable }: TrainedParts): (path: string) => boolean {
  const specOf = flatten<ParamSpec>(specs);
  return (path) => trainable?.(leaf(specOf, path), path) ?? true;
}

// --- internal ---

function trainedOf(model: Model, symbols: ModelParams<Tensor, Weight>, parts: TrainedParts): Flat<Tensor> {
  const trained = isTrained(model, parts);
  return Object.fromEntries(Object.entries(flatten<Tensor>(symbols)).filter(([path]) => trained(path)));
}

function totalOf({ loss, cost }: ObjectiveResult): Tensor {
  return cost ? add(loss, cost) : loss;
}

function reported({ loss, metrics }: ObjectiveResult): Flat<Tensor> {
  return { ...metrics, loss };
}

function batchInputs({ batch, length, scored }: BatchShape): Omit<ObjectiveBatch, "state"> {
  const shape = scored === undefined ? [batch, length] : [batch * scored];
  return {
    tokens: input("tokens", [batch, length], "int32"),
    targets: input("targets", shape, "int32"),
    weights: input("weights", shape),
    ...(scored !== undefined && { rows: input("rows", shape, "int32") }),
  };
}

function zeroStates(model: Model, batch: number): LayerStates<Tensor> {
  return mapTree(model.initialState(batch), (value) => constant(value as FloatTensor));
}

/** What the step before has left in `memory.*`, empty in lanes that start a sequence. */
function carriedStates(model: Model, batch: number): LayerStates<Tensor> {
  return resetLanes(layerInputs(model.initialState(batch), "memory"), input("startOfSequence", [batch], "int32"));
}

function addedGradients(params: Flat<Tensor>, slopes: readonly Tensor[]): Flat<Tensor> {
  const names = Object.keys(params);
  const sums = names.map((path, i) => {
    const [name, slope] = [nameOf("gradients", path), leaf(slopes, i)];
    return [name, add(input(name, slope.shape), slope)] as const;
  });
  return nextValues(Object.fromEntries(sums));
}

/** Clips, then updates every parameter that is trained. Outputs the new values under the names of the old ones. */
function applyUpdate(
  { specs }: Model,
  params: ModelParams<FloatTensor>,
  symbols: Flat<Tensor>,
  slopes: readonly Tensor[],
  { optimizer, clipNorm, gateLearningRateFactor }: UpdateConfig,
): Flat<Tensor> {
  const learningRate = input("learningRate", []);
  const step = input("step", []);
  const squares = slopes.map((slope) => sum(square(slope)));
  const gradientNorm = sqrt(squares.reduce((total, part) => add(total, part)));
  const clip = min(1, div(clipNorm, add(gradientNorm, SMALLEST_DENOMINATOR)));
  const specOf = flatten<ParamSpec>(specs);
  const outputs: Record<string, Tensor> = {};
  const values = flatten<FloatTensor>(params);
  Object.keys(symbols).forEach((name, i) => {
    const state = mapTree<Flat<Tensor>>(optimizer.init(leaf(values, name)), ({ shape }, part) =>
      input(nameOf("optimizer", name, part), shape),
    );
    const group = parameterGroup(leaf(specOf, name), gateLearningRateFactor);
    const [parameter, gradient] = [leaf(symbols, name), leaf(slopes, i)];
    const updated = optimizer.update({ parameter, gradient, clip, state, group, learningRate, step });
    outputs[nameOf("params", name)] = updated.parameter;
    Object.assign(outputs, named("optimizer", prefixed(name, updated.state)));
  });
  return { gradientNorm, ...nextValues(outputs) };
}

function leaf<T>(values: readonly T[] | Flat<T>, key: string | number): T {
  const value = (values as Flat<T>)[String(key)];
  if (value === undefined) throw new RangeError(`there is no "${key}"`);
  return value;
}
