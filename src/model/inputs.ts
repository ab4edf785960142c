import { input } from "../graph/builder.ts";
import type { FloatTensor, Shape } from "../tensor/host-tensor.ts";
import type { Tensor } from "../graph/tensor.ts";
import { mapTree } from "../tensor/tree.ts";
import type { Weight } from "../nn/weight.ts";
import type { LayerStates, ModelParams } from "./transformer.ts";

/** Symbols for the weights, named `params.*`; of these values, or of specs. */
export function parameterInputs(params: ModelParams<{ readonly shape: Shape }>): ModelParams<Tensor, Weight> {
  return mapTree(params, ({ shape }, name) => input(`params.${name}`, shape));
}

/** Symbols for states or open segments, each leaf named with a prefix. */
export function layerInputs(like: LayerStates<FloatTensor>, prefix: string): LayerStates<Tensor> {
  return mapTree(like, ({ shape }, name) => input(`${prefix}.${name}`, shape));
}
