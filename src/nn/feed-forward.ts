import { mul, silu } from "../graph/builder.ts";
import type { Tensor } from "../graph/tensor.ts";
import { matrixSpec } from "./init.ts";
import type { ParamSpec } from "./spec.ts";
import { linear, type Weight } from "./weight.ts";

/** Weights of a SwiGLU feed-forward layer (arXiv 2002.05202). */
export type FeedForwardParams<W> = {
  readonly gate: W; // [F, D]
  readonly up: W; // [F, D]
  readonly down: W; // [D, F]
};

/** `outputGain` scales the last projection, which feeds the residual stream. */
export function feedForwardSpecs(
  modelDim: number,
  feedForwardDim: number,
  outputGain: number,
): FeedForwardParams<ParamSpec> {
  return {
    gate: matrixSpec("gate", modelDim, feedForwardDim),
    up: matrixSpec("up", modelDim, feedForwardDim),
    down: matrixSpec("down", feedForwardDim, modelDim, outputGain),
  };
}

/** W_down (silu(W_gate x) * (W_up x)) for x [..., D]. */
export function feedForward({ gate, up, down }: FeedForwardParams<Weight>, x: Tensor): Tensor {
  return linear(mul(silu(linear(x, gate)), linear(x, up)), down);
}
