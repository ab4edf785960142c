import { input } from "../graph/builder.ts";
import { nameOf, type Kind } from "../graph/names.ts";
import type { Blocks } from "../tensor/blocks.ts";
import type { FloatTensor, HostDType, Shape } from "../tensor/host-tensor.ts";
import type { Tensor } from "../graph/tensor.ts";
import { mapTree } from "../tensor/tree.ts";
import type { Weight } from "../nn/weight.ts";
import type { LayerStates, ModelParams } from "./transformer.ts";

/** The shape and type of the symbol for a weight. Default type: float32. */
export interface WeightShape {
  readonly shape: Shape;
  readonly dtype?: HostDType;
}

/** Symbols for the weights, of these values or specs; those that are stored as several tensors have one for each. */
export function parameterInputs(
  params: ModelParams<WeightShape, WeightShape | Blocks<WeightShape>>,
): ModelParams<Tensor, Weight> {
  return mapTree(params, (leaf, name) => input(nameOf("params", name), leaf.shape, (leaf as WeightShape).dtype));
}

/** Symbols for states or open segments, named as values of a kind. */
export function layerInputs(like: LayerStates<FloatTensor>, kind: Kind): LayerStates<Tensor> {
  return mapTree(like, ({ shape }, name) => input(nameOf(kind, name), shape));
}
