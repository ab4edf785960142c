import { add, div, exp, log, max, mean, mul, reshape, sqrt, square, sub } from "../graph/builder.ts";
import { zeros } from "../tensor/host-tensor.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Optimizer } from "./optimizer.ts";

export interface AdafactorOptions {
  /** Exponent c of the decay 1 - step^-c of the second moment. */
  readonly decayExponent: number;
  /** Largest root mean square of an update. */
  readonly clipThreshold: number;
  /** Added to squared gradients. */
  readonly epsilon: number;
  /** Smallest scale that a parameter counts with. */
  readonly minimumScale: number;
  readonly weightDecay: number;
}

/**
 * Adafactor (arXiv 1804.04235, algorithm 4) without momentum: the second moment of a matrix is kept as one
 * row and one column of averages, and the learning rate is relative to the size of the parameter.
 */
export function adafactor(options: AdafactorOptions): Optimizer {
  const { decayExponent, clipThreshold, epsilon, minimumScale, weightDecay } = options;
  return {
    init({ shape }): Record<string, ReturnType<typeof zeros>> {
      const [rows, columns] = shape;
      if (rows === undefined || columns === undefined) return { v: zeros(shape) };
      return { row: zeros([rows]), column: zeros([columns]) };
    },

    update({ parameter, gradient: unclipped, clip, state, group, learningRate, step }) {
      const gradient = mul(unclipped, clip);
      const squared = add(square(gradient), epsilon);
      const decay = sub(1, exp(mul(log(step), -decayExponent))); // beta2_t = 1 - t^-c
      const { moments, inverseRoot } = secondMoment(state, squared, decay);
      const update = mul(gradient, inverseRoot);
      const clipped = div(update, max(div(rootMeanSquare(update), clipThreshold), 1));
      const scale = max(rootMeanSquare(parameter), minimumScale);
      const rate = mul(mul(learningRate, group.learningRateFactor), scale);
      const stepped = sub(parameter, mul(rate, clipped));
      const decayed = group.decay ? sub(stepped, mul(mul(learningRate, weightDecay), parameter)) : stepped;
      return { parameter: decayed, state: moments };
    },
  };
}

// --- internal ---

interface SecondMoment {
  readonly moments: Record<string, Tensor>;
  /** 1 / sqrt of the second moment, in a shape that broadcasts to the parameter. */
  readonly inverseRoot: Tensor;
}

function secondMoment(state: Readonly<Record<string, Tensor>>, squared: Tensor, decay: Tensor): SecondMoment {
  const mix = (old: Tensor | undefined, value: Tensor): Tensor => {
    if (!old) throw new RangeError("the optimizer's state lacks a moment");
    return add(mul(old, decay), mul(value, sub(1, decay)));
  };
  if (state.v) {
    const v = mix(state.v, squared);
    return { moments: { v }, inverseRoot: div(1, sqrt(v)) };
  }
  const row = mix(state.row, mean(squared, [1])); // [rows]
  const column = mix(state.column, mean(squared, [0])); // [columns]
  const relative = div(row, mean(row)); // [rows]
  const [rows = 1] = row.shape;
  return { moments: { row, column }, inverseRoot: div(1, mul(sqrt(reshape(relative, [rows, 1])), sqrt(column))) };
}

function rootMeanSquare(x: Tensor): Tensor {
  return sqrt(mean(square(x)));
}
