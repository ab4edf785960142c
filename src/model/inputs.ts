import { input } from "../graph/builder.ts";
import type { FloatTensor } from "../tensor/host-tensor.ts";
import type { Tensor } from "../graph/tensor.ts";
import { mapTree } from "../tensor/tree.ts";
import type { LayerStates, ModelParams } from "./transformer.ts";

/** Symbols for the weights, named `params.*`. */
export function parameterInputs(params: ModelParams<FloatTensor>): ModelParams<Tensor> {
  return mapTree(params, ({ shape }, name) => input(`params.${name}`, shape));
}

/** Symbols for states or open segments, each leaf named with a prefix. */
export function layerInputs(like: LayerStates<FloatTensor>, prefix: string): LayerStates<Tensor> {
  return mapTree(like, ({ shape }, name) => input(`${prefix}.${name}`, shape));
}
