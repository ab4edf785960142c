import { input } from "../graph/builder.ts";
import { nameOf, type Kind } from "../graph/names.ts";
import type { FloatTensor, Shape } from "../tensor/host-tensor.ts";
import type { Tensor } from "../graph/tensor.ts";
import { mapTree } from "../tensor/tree.ts";
import type { Weight } from "../nn/weight.ts";
import type { LayerStates, ModelParams } from "./transformer.ts";

/** Symbols for the weights, of these values or specs. */
export function parameterInputs(params: ModelParams<{ readonly shape: Shape }>): ModelParams<Tensor, Weight> {
  return mapTree(params, ({ shape }, name) => input(nameOf("params", name), shape));
}

/** Symbols for states or open segments, named as values of a kind. */
export function layerInputs(like: LayerStates<FloatTensor>, kind: Kind): LayerStates<Tensor> {
  return mapTree(like, ({ shape }, name) => input(nameOf(kind, name), shape));
}
