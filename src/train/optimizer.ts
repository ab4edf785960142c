import type { FloatTensor } from "../tensor/host-tensor.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { ParamSpec } from "../nn/spec.ts";
import type { Flat } from "../tensor/tree.ts";

/** How one parameter is treated. */
export interface ParameterGroup {
  /** Factor on the learning rate. */
  readonly learningRateFactor: number;
  /** Whether weight decay pulls it towards zero. */
  readonly decay: boolean;
}

/** A rule that turns gradients into new parameters, one parameter at a time. Pure: its state is a value. */
export interface Optimizer {
  /** What is remembered of one parameter before the first step. */
  init(parameter: FloatTensor): Flat<FloatTensor>;
  /** One step. The result has the shapes of what went in. */
  update(args: UpdateArguments): { parameter: Tensor; state: Flat<Tensor> };
}

export interface UpdateArguments {
  readonly parameter: Tensor;
  /** As it came: `clip` is still to scale it. */
  readonly gradient: Tensor;
  /** What makes the gradients as small as they may be, a scalar from 0 to 1. */
  readonly clip: Tensor;
  readonly state: Flat<Tensor>;
  readonly group: ParameterGroup;
  /** Float scalar. */
  readonly learningRate: Tensor;
  /** Number of this step, counted from 1, as a float scalar. */
  readonly step: Tensor;
}

/**
 * The group of a parameter by its spec: gates of the memory learn faster than the rest, since at the rate of
 * the weights they hardly move; they, norms and other vectors do not decay.
 */
export function parameterGroup({ role, decays }: ParamSpec, gateFactor: number): ParameterGroup {
  return { learningRateFactor: role === "gate" ? gateFactor : 1, decay: decays };
}
