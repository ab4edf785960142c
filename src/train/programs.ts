import { vectorJacobianProduct, gradients } from "../autodiff/gradients.ts";
import type { Program } from "../engine/engine.ts";
import type { Store } from "../engine/store/store.ts";
import {
  add,
  constant,
  div,
  gather,
  input,
  max,
  mean,
  min,
  mul,
  reshape,
  scalar,
  sqrt,
  square,
  sum,
} from "../graph/builder.ts";
import { createGraph, type Graph } from "../graph/graph.ts";
import { named, nameOf, nextValues } from "../graph/names.ts";
import type { FloatTensor } from "../tensor/host-tensor.ts";
import { SMALLEST_DENOMINATOR } from "../graph/limits.ts";
import type { Weight } from "../nn/weight.ts";
import type { Tensor } from "../graph/tensor.ts";
import { flatten, mapTree, prefixed, type Flat } from "../tensor/tree.ts";
import { layerInputs, parameterInputs } from "../model/inputs.ts";
import { resetLanes, type LayerStates, type Model, type ModelParams, type ModelResult } from "../model/transformer.ts";
import type { ParamSpec } from "../nn/spec.ts";
import { parameterGroup, type Optimizer } from "./optimizer.ts";

/*
 * Inputs of the graphs beside the values of graph/names.ts: `tokens`, `targets`, `weights`, `rows`, `startOfSequence`, `writePenalty`,
 * `writeMargin` and `auxiliaryWeight`.
 */

/** What an update needs to know beside the gradients. */
export interface UpdateConfig {
  readonly optimizer: Optimizer;
  /** Gradients are scaled down to this global norm. */
  readonly clipNorm: number;
  /** Factor on the learning rate of the memory gates. */
  readonly gateLearningRateFactor: number;
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
): Graph {
  const symbols = parameterInputs(params);
  const { tokens, ...scored } = batchInputs(shape);
  const result = model.apply(
    symbols,
    tokens,
    carries ? carriedStates(model, shape.batch) : zeroStates(model, shape.batch),
  );
  const loss = lossOf(model, symbols, result.hidden, scored);
  const flat = flatten<Tensor>(symbols);
  const slopes = gradients(add(loss, ownCosts(result)), Object.values(flat));
  const memory = carries ? nextValues(named<Tensor>("memory", result.state)) : {};
  return createGraph({
    loss,
    ...writeStrengthOf(result),
    ...memory,
    ...applyUpdate(model, params, flat, slopes, update),
  });
}

/** Loss and gradients of a batch, added to `gradients.*`. */
export function accumulateGradients(model: Model, params: ModelParams<FloatTensor>, shape: BatchShape): Graph {
  const symbols = parameterInputs(params);
  const { tokens, ...scored } = batchInputs(shape);
  const result = model.apply(symbols, tokens, zeroStates(model, shape.batch));
  const loss = lossOf(model, symbols, result.hidden, scored);
  const flat = flatten<Tensor>(symbols);
  const slopes = gradients(add(loss, ownCosts(result)), Object.values(flat));
  return createGraph({ loss, ...writeStrengthOf(result), ...addedGradients(flat, slopes) });
}

/** The state after a segment. */
export function segmentForward(model: Model, params: ModelParams<FloatTensor>, shape: BatchShape): Graph {
  const { tokens } = batchInputs(shape);
  const { state } = model.apply(parameterInputs(params), tokens, layerInputs(model.initialState(shape.batch), "state"));
  return createGraph(nextValues(named<Tensor>("state", state)));
}

/**
 * The backward pass through one segment, which is computed anew from the state before it: from the gradient
 * of the loss with respect to the state after the segment to that before it. Adds to `gradients.*`.
 */
export function segmentBackward(model: Model, params: ModelParams<FloatTensor>, shape: BatchShape): Graph {
  const symbols = parameterInputs(params);
  const { tokens, ...scored } = batchInputs(shape);
  const before = layerInputs(model.initialState(shape.batch), "state");
  const incoming = flatten<Tensor>(layerInputs(model.initialState(shape.batch), "nextStateGradients"));
  const result = model.apply(symbols, tokens, before);
  const loss = lossOf(model, symbols, result.hidden, scored);
  const after = Object.entries(flatten<Tensor>(result.state));
  const seeds = after.map(([name, output]) => ({ output, gradient: leaf(incoming, name) }));
  const [flat, flatBefore] = [flatten<Tensor>(symbols), flatten<Tensor>(before)];
  const sources = [...Object.values(flat), ...Object.values(flatBefore)];
  const slopes = vectorJacobianProduct(
    [{ output: add(loss, ownCosts(result)), gradient: scalar(1) }, ...seeds],
    sources,
  );
  const count = Object.keys(flat).length;
  const stateSlopes = Object.keys(flatBefore).map((name, i) => [name, slopes[count + i]] as const);
  return createGraph({
    loss,
    ...writeStrengthOf(result),
    ...addedGradients(flat, slopes.slice(0, count)),
    ...named<Tensor>("stateGradients", Object.fromEntries(stateSlopes)),
  });
}

/** New parameters from accumulated gradients. */
export function updateStep(model: Model, params: ModelParams<FloatTensor>, update: UpdateConfig): Graph {
  const flat = flatten<Tensor>(parameterInputs(params));
  const slopes = Object.entries(flat).map(([name, { shape }]) => input(nameOf("gradients", name), shape));
  return createGraph(applyUpdate(model, params, flat, slopes, update));
}

/** Compiles several graphs, one after the other. */
export async function compileAll<Name extends string>(
  { compile }: Pick<Store, "compile">,
  graphs: Record<Name, Graph>,
): Promise<Record<Name, Program>> {
  const programs: Partial<Record<Name, Program>> = {};
  for (const name in graphs) programs[name] = await compile(graphs[name]);
  return programs as Record<Name, Program>;
}

// --- internal ---

/** What the loss is made of: targets and weights of all tokens [B, T], or of some rows [R] of the hidden states. */
interface Scored {
  readonly targets: Tensor;
  readonly weights: Tensor;
  readonly rows?: Tensor;
}

function batchInputs({ batch, length, scored }: BatchShape): Scored & { tokens: Tensor } {
  const shape = scored === undefined ? [batch, length] : [batch * scored];
  return {
    tokens: input("tokens", [batch, length], "int32"),
    targets: input("targets", shape, "int32"),
    weights: input("weights", shape),
    ...(scored !== undefined && { rows: input("rows", shape, "int32") }),
  };
}

function lossOf(
  model: Model,
  params: ModelParams<Tensor, Weight>,
  hidden: Tensor,
  { targets, weights, rows }: Scored,
): Tensor {
  const [batch = 1, length = 1, width = 1] = hidden.shape;
  const counted = rows ? gather(reshape(hidden, [batch * length, width]), rows) : hidden;
  return sum(mul(model.losses(params, counted, targets), weights));
}

/** What the mixers charge beside the loss of the tokens; `auxiliaryWeight`, an input, is one over the tokens. */
function ownCosts(result: ModelResult): Tensor {
  const { auxiliary } = result;
  return auxiliary ? add(writeCost(result), mul(input("auxiliaryWeight", []), auxiliary)) : writeCost(result);
}

/**
 * `writePenalty`, an input, for each token that touches the memory at full strength, and less for every wish that is
 * above minus `writeMargin`, another; nothing for mixers that do not choose.
 */
function writeCost({ writeWish }: ModelResult): Tensor {
  if (!writeWish) return scalar(0);
  const margin = input("writeMargin", []);
  const charged = min(max(add(writeWish, margin), 0), add(margin, 1));
  return mul(input("writePenalty", []), sum(mean(charged, [-1])));
}

/** The output `writeStrengthSum`: the sum over the tokens of the mean strength. */
function writeStrengthOf({ writeWish }: ModelResult): Flat<Tensor> {
  return writeWish ? { writeStrengthSum: sum(mean(min(max(writeWish, 0), 1), [-1])) } : {};
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

/** Clips, then updates every parameter. Outputs the new values under the names of the old ones. */
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
  Object.entries(flatten<FloatTensor>(params)).forEach(([name, value], i) => {
    const state = mapTree<Flat<Tensor>>(optimizer.init(value), ({ shape }, part) =>
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
