import { infiniAttention } from "../mixers/infini/mixer.ts";
import { emptyTraces, lookIntoLayer, type LayerLook } from "../mixers/infini/look.ts";
import type { InfiniParams } from "../mixers/infini/params.ts";
import type { MemoryState } from "../mixers/infini/rule.ts";
import { embed, type Weight } from "../nn/weight.ts";
import type { FloatTensor } from "../tensor/host-tensor.ts";
import { GraphError, type Tensor } from "../graph/tensor.ts";
import type { ModelConfig } from "./config.ts";
import { at, eachOf, layersOf, runLayers, type LayerStates } from "./stack.ts";
import type { ModelParams, ModelResult } from "./transformer.ts";

/** A memory for each layer, with a lane for each trace. */
export type LayerTraces<T> = { readonly [layer: string]: MemoryState<T> };

export interface ModelLook extends ModelResult {
  readonly layers: { readonly [layer: string]: LayerLook };
}

/** Whether there is something to look into: Infini-attention with a memory in every layer. */
export function hasMemory({ mixer, memory }: ModelConfig): boolean {
  return !mixer && memory.update !== "none";
}

/**
 * The pass of a model over one segment [1, N] of one lane, with a look into every layer; see {@link lookIntoLayer}.
 * Throws GraphError for a model without a memory, see {@link hasMemory}.
 */
export function lookIntoModel(
  config: ModelConfig,
  params: ModelParams<Tensor, Weight>,
  tokens: Tensor,
  states: LayerStates<Tensor>,
  traces: LayerTraces<Tensor>,
): ModelLook {
  const mixer = infiniAttention(config);
  const { y, results } = runLayers(config, params, embed(params.embedding, tokens), (attention, h, layer) => {
    const { inside, ...result } = mixer.apply(attention, h, at(states, layer));
    if (!inside || !hasMemory(config)) throw new GraphError("there is no memory to look into");
    return {
      ...result,
      look: lookIntoLayer(config, attention as InfiniParams<Tensor, Weight>, inside, at(traces, layer)),
    };
  });
  const layers = layersOf(config);
  return {
    hidden: y,
    state: eachOf(layers, (layer) => at(results, layer).state),
    layers: eachOf(layers, (layer) => at(results, layer).look),
  };
}

/** Traces of no segments yet: all zeros. */
export function noTraces(config: ModelConfig, lanes: number): LayerTraces<FloatTensor> {
  return eachOf(layersOf(config), () => emptyTraces(config, lanes));
}
