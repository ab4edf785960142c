import { add, div, exp, mul, sqrt, square, sub } from "../graph/builder.ts";
import { zeros } from "../graph/host-tensor.ts";
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

    update({ parameter, gradient, state, group, learningRate, step }) {
      const m = average(state.m, gradient, beta1);
      const v = average(state.v, square(gradient), beta2);
      const rate = mul(learningRate, group.learningRateFactor);
      const mHat = div(m, biasCorrection(beta1, step));
      const vHat = div(v, biasCorrection(beta2, step));
      const stepped = sub(parameter, mul(rate, div(mHat, add(sqrt(vHat), epsilon))));
      const decayed = group.decay ? sub(stepped, mul(mul(rate, weightDecay), parameter)) : stepped;
      return { parameter: decayed, state: { m, v } };
    },
  };
}

/** beta * old + (1 - beta) * value. */
export function average(old: Tensor | undefined, value: Tensor, beta: number): Tensor {
  if (!old) throw new RangeError("the optimizer's state lacks an average");
  return add(old, mul(sub(value, old), 1 - beta));
}

// --- internal ---

/** 1 - beta^step. */
function biasCorrection(beta: number, step: Tensor): Tensor {
  return sub(1, exp(mul(step, Math.log(beta))));
}
