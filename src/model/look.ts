import type { InfiniConfig } from "../mixers/infini/config.ts";
import { infiniAttention } from "../mixers/infini/mixer.ts";
import { emptyTraces, lookIntoLayer, type LayerLook } from "../mixers/infini/look.ts";
import type { InfiniParams } from "../mixers/infini/params.ts";
import type { MemoryState } from "../mixers/infini/rule.ts";
import { embed, type Weight } from "../nn/weight.ts";
import type { FloatTensor } from "../tensor/host-tensor.ts";
import { GraphError, type Tensor } from "../graph/tensor.ts";
import type { ModelConfig } from "./config.ts";
import { memoriesOf } from "./layers.ts";
import { at, eachOf, layerNames, mixersOf, runLayers, type LayerStates } from "./stack.ts";
import type { ModelParams, ModelResult } from "./transformer.ts";

/** A memory for each layer that has one, with a lane for each trace. */
export type LayerTraces<T> = { readonly [layer: string]: MemoryState<T> };

export interface ModelLook extends ModelResult {
  /** Of the layers that have a memory. */
  readonly layers: { readonly [layer: string]: LayerLook };
}

/** Whether there is something to look into: Infini-attention with a memory in some layer. */
export function hasMemory(config: ModelConfig): boolean {
  return memoriesOf(config).size > 0;
}

/**
 * The pass of a model over one segment [1, N] of one lane, with a look into every layer that has a memory; see {@link lookIntoLayer}.
 * Throws GraphError for a model without a memory, see {@link hasMemory}.
 */
export function lookIntoModel(
  config: ModelConfig,
  params: ModelParams<Tensor, Weight>,
  tokens: Tensor,
  states: LayerStates<Tensor>,
  traces: LayerTraces<Tensor>,
): ModelLook {
  if (!hasMemory(config)) throw new GraphError("there is no memory to look into");
  const [remembering, mixers] = [layersWithMemory(config), mixersOf(config)];
  const looks: { [layer: string]: LayerLook } = {};
  const { y, results } = runLayers(config, params, embed(params.embedding, tokens), (attention, h, layer) => {
    const infini = remembering[layer];
    if (!infini) return at(mixers, layer).apply(attention, h, at(states, layer));
    const { inside, ...result } = infiniAttention(infini).apply(attention, h, at(states, layer));
    if (!inside) throw new GraphError(`layer ${layer} shows nothing of its memory`);
    looks[layer] = lookIntoLayer(infini, attention as InfiniParams<Tensor, Weight>, inside, at(traces, layer));
    return result;
  });
  return { hidden: y, state: eachOf(layerNames(config), (layer) => at(results, layer).state), layers: looks };
}

/** Traces of no segments yet: all zeros. */
export function noTraces(config: ModelConfig, lanes: number): LayerTraces<FloatTensor> {
  const layers = Object.entries(layersWithMemory(config));
  return Object.fromEntries(layers.map(([layer, infini]) => [layer, emptyTraces(infini, lanes)]));
}

// --- internal ---

/** The layers of Infini-attention that have a memory, by their names. */
function layersWithMemory(config: ModelConfig): { readonly [layer: string]: InfiniConfig } {
  return Object.fromEntries([...memoriesOf(config)].map(([layer, memory]) => [String(layer), { ...config, memory }]));
}
