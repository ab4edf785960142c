import type { ChunkPlace } from "../mixers/contract.ts";
import { add, constant, gather, input, reshape, slice } from "../graph/builder.ts";
import { createGraph, type Graph } from "../graph/graph.ts";
import { named, nameOf, nextOf, nextValues, rowsOfValues } from "../graph/names.ts";
import { intTensor, type FloatTensor } from "../tensor/host-tensor.ts";
import type { Weight } from "../nn/weight.ts";
import { isOp, type Tensor } from "../graph/tensor.ts";
import { mapTree, type Flat } from "../tensor/tree.ts";
import { layerInputs, parameterInputs } from "../model/inputs.ts";
import { lookIntoModel, noTraces, type LayerTraces } from "../model/look.ts";
import {
  resetLanes,
  type LayerStates,
  type StoredModel,
  type Model,
  type ModelParams,
  type OpenLayers,
} from "../model/transformer.ts";

/*
 * What a session runs. Inputs: `params.*`, `state.*`, `segment.*`, `tokens`, and, where they apply, `targets`, `offset`
 * and `length` (int32 [B], see {@link ChunkPlace}), `last` (int32 [B], the row whose logits are wanted), `isFull` and
 * `startOfSequence` (int32 [B]; 1 empties the lane first). Results that replace an input have its name after `next.`,
 * and rows of one after `rows.`; `logits` [B, V] are those of the last token, `allLogits` [B, T, V] those of each,
 * `losses` [B, T] the cross-entropy of each target in nats.
 */

/**
 * What is computed besides the state: nothing, `logits` of the last token, `allLogits` of every token, or the `losses` of targets.
 * For `state` alone, everything needed only for the last layer's output is left out.
 */
export type Output = "logits" | "allLogits" | "losses" | "state";

/** Whole segments: `length` tokens of each lane. */
export function segmentsProgram({ model, params }: StoredModel, batch: number, length: number, output: Output): Graph {
  const weights = parameterInputs(params);
  const tokens = input("tokens", [batch, length], "int32");
  const state = resetLanes(layerInputs(model.initialState(batch), "state"), input("startOfSequence", [batch], "int32"));
  const result = model.apply(weights, tokens, state);
  const last = (): Tensor => slice(result.hidden, 1, length - 1, length);
  return createGraph({ ...nextState(result.state), ...outputOf(model, weights, result.hidden, last, output) });
}

/**
 * One segment of one lane with a look into every layer: `look.*.gate`, `look.*.memoryShare` [H, N] and
 * `look.*.resemblance` [E, H, N] to `traces.*`, of E earlier segments; `trace.*` belongs to this one. Throws GraphError
 * for a model without a memory.
 */
export function lookProgram({ model: { config, ...model }, params }: StoredModel, earlier: number): Graph {
  const weights = parameterInputs(params);
  const tokens = input("tokens", [1, config.segmentLength], "int32");
  const traces = mapTree<LayerTraces<Tensor>>(noTraces(config, earlier), ({ shape }, name) =>
    input(nameOf("traces", name), shape),
  );
  const look = lookIntoModel(config, weights, tokens, layerInputs(model.initialState(1), "state"), traces);
  const { numHeads: H, segmentLength: N } = config;
  const shown = Object.entries(look.layers).map(([layer, { gate, memoryShare, resemblance, trace }]) => ({
    [nameOf("look", layer, "gate")]: reshape(gate, [H, N]),
    [nameOf("look", layer, "memoryShare")]: reshape(memoryShare, [H, N]),
    [nameOf("look", layer, "resemblance")]: reshape(resemblance, [earlier, H, N]),
    ...named<Tensor>("trace", { [layer]: trace }),
  }));
  return createGraph({ ...nextState(look.state), ...Object.assign({}, ...shown) });
}

/**
 * Up to `size` tokens inside one segment: unchanged parts of the state are not results, and `rows.segment.*` are
 * put into the open segment.
 */
export function chunkProgram({ model, params }: StoredModel, batch: number, size: number, output: Output): Graph {
  const weights = parameterInputs(params);
  const tokens = input("tokens", [batch, size], "int32");
  const place: ChunkPlace = {
    offset: input("offset", [batch], "int32"),
    length: input("length", [batch], "int32"),
  };
  const result = model.extend(weights, tokens, openInputs(model, batch), place);
  const last = (): Tensor => (size === 1 ? result.hidden : rowAt(result.hidden, input("last", [batch], "int32")));
  const changes = changed(nextState(result.state));
  const rows = rowsOfValues(named<Tensor>("segment", result.rows));
  return createGraph({ ...changes, ...rows, ...outputOf(model, weights, result.hidden, last, output) });
}

/**
 * One segment of one lane as a standalone file: it includes the weights, and `logits` [1, N, V] are those of all
 * tokens.
 */
export function standaloneSegment({ model, params }: StoredModel): Graph {
  const weights = mapTree<ModelParams<Tensor, Weight>>(params, (value) => constant(value as FloatTensor));
  const tokens = input("tokens", [1, model.config.segmentLength], "int32");
  const result = model.apply(weights, tokens, layerInputs(model.initialState(1), "state"));
  return createGraph({ logits: model.logits(weights, result.hidden), ...nextState(result.state) });
}

/** Writes the open segment, which is full in all lanes, to the memory. The caller must empty it. */
export function commitProgram({ model, params }: StoredModel, batch: number): Graph {
  return createGraph(changed(nextState(model.commit(parameterInputs(params), openInputs(model, batch)))));
}

/** Writes the open segment to the memory and empties it in the lanes where it is full: `isFull`, int32 [B]. */
export function commitSomeProgram({ model, params }: StoredModel, batch: number): Graph {
  const after = model.commitSome(parameterInputs(params), openInputs(model, batch), input("isFull", [batch], "int32"));
  return createGraph(changed({ ...nextState(after.state), ...nextValues(named<Tensor>("segment", after.segment)) }));
}

// --- internal ---

function openInputs(model: Model, batch: number): OpenLayers {
  return {
    state: layerInputs(model.initialState(batch), "state"),
    segment: layerInputs(model.emptySegment(batch), "segment"),
  };
}

function outputOf(
  model: Model,
  weights: ModelParams<Tensor, Weight>,
  hidden: Tensor,
  last: () => Tensor,
  output: Output,
): Flat<Tensor> {
  const [batch = 1, length = 1] = hidden.shape;
  if (output === "state") return {};
  if (output === "allLogits") return { allLogits: model.logits(weights, hidden) };
  if (output === "losses") {
    return { losses: model.losses(weights, hidden, input("targets", [batch, length], "int32")) };
  }
  return { logits: reshape(model.logits(weights, last()), [batch, model.config.vocabularySize]) };
}

/** Results, except those that are the very value that they would replace. */
function changed(results: Flat<Tensor>): Flat<Tensor> {
  const isSame = (name: string, result: Tensor): boolean =>
    isOp(result, "input") && name === nextOf(result.attributes.name);
  return Object.fromEntries(Object.entries(results).filter(([name, result]) => !isSame(name, result)));
}

/** Row [B, 1, n] of x [B, N, n], of each lane at a place known at run time, int32 [B]. */
function rowAt(x: Tensor, place: Tensor): Tensor {
  const [B, N, n] = x.shape as unknown as [number, number, number];
  const starts = Int32Array.from({ length: B }, (_, lane) => lane * N);
  const rows = gather(reshape(x, [B * N, n]), add(constant(intTensor([B], starts)), place));
  return reshape(rows, [B, 1, n]);
}

function nextState(state: LayerStates<Tensor>): Flat<Tensor> {
  return nextValues(named<Tensor>("state", state));
}
