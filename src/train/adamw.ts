import { add, div, exp, mul, sqrt, square, sub } from "../graph/builder.ts";
import { zeros } from "../tensor/host-tensor.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Optimizer } from "./optimizer.ts";

export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

/** AdamW (arXiv 1711.05101, algorithm 2), decay scaled by the learning rate as in common libraries. */
export function adamW({ beta1, beta2, epsilon, weightDecay }: AdamWOptions): Optimizer {
  return {
    init: ({ shape }) => ({ m: zeros(shape), v: zeros(shape) }),

    // Scalars are combined first, so that each meets a whole parameter once: with c_i = 1 - beta_i^step,
    // mHat / (sqrt(vHat) + epsilon) = (sqrt(c_2) / c_1) m / (sqrt(v) + sqrt(c_2) epsilon).
    update({ parameter, gradient, clip, state, group, learningRate, step }) {
      const m = average(state.m, beta1, gradient, clip);
      const v = average(state.v, beta2, square(gradient), square(clip));
      const rate = mul(learningRate, group.learningRateFactor);
      const root = sqrt(biasCorrection(beta2, step));
      const direction = div(m, add(sqrt(v), mul(root, epsilon)));
      const kept = group.decay ? mul(parameter, sub(1, mul(rate, weightDecay))) : parameter;
      const stepped = sub(kept, mul(direction, mul(rate, div(root, biasCorrection(beta1, step)))));
      return { parameter: stepped, state: { m, v } };
    },
  };
}

// --- internal ---

/** beta * old + (1 - beta) * scale * value. */
function average(old: Tensor | undefined, beta: number, value: Tensor, scale: Tensor): Tensor {
  if (!old) throw new RangeError("the optimizer's state lacks an average");
  return add(mul(old, beta), mul(value, mul(scale, 1 - beta)));
}

/** 1 - beta^step. */
function biasCorrection(beta: number, step: Tensor): Tensor {
  return sub(1, exp(mul(step, Math.log(beta))));
}
