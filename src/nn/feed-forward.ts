import { matmul, mul, silu } from "../graph/builder.ts";
import type { FloatTensor } from "../tensor/host-tensor.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Rng } from "../base/random.ts";
import { weight } from "./init.ts";

/** Weights of a SwiGLU feed-forward layer (arXiv 2002.05202). */
export type FeedForwardParams<T> = {
  readonly gate: T; // [D, F]
  readonly up: T; // [D, F]
  readonly down: T; // [F, D]
};

/** `outputGain` scales the last projection, which feeds the residual stream. */
export function initFeedForward(
  modelDim: number,
  feedForwardDim: number,
  rng: Rng,
  outputGain: number,
): FeedForwardParams<FloatTensor> {
  return {
    gate: weight(modelDim, feedForwardDim, rng.fork("gate")),
    up: weight(modelDim, feedForwardDim, rng.fork("up")),
    down: weight(feedForwardDim, modelDim, rng.fork("down"), outputGain),
  };
}

/** (silu(x W_gate) * (x W_up)) W_down for x [..., D]. */
export function feedForward({ gate, up, down }: FeedForwardParams<Tensor>, x: Tensor): Tensor {
  return matmul(mul(silu(matmul(x, gate)), matmul(x, up)), down);
}
