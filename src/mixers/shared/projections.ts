import type { FloatTensor } from "../../tensor/host-tensor.ts";
import { weight } from "../../nn/init.ts";
import type { Rng } from "../../base/random.ts";

/** The heads of a layer that attends. */
export interface HeadsConfig {
  readonly modelDim: number; // D
  readonly numHeads: number; // H
  /** Heads of keys, values and what is kept of them; each serves numHeads / numKeyValueHeads query heads. */
  readonly numKeyValueHeads: number; // K
  /** Size of a query, key and value. Even. */
  readonly headDim: number; // d
  readonly segmentLength: number; // N
  readonly ropeBase: number;
}

/** Into heads and back. */
export type ProjectionParams<T> = {
  readonly query: T; // [D, H*d]  W_Q of eq. 5
  readonly key: T; // [D, K*d]  W_K
  readonly value: T; // [D, K*d]  W_V
  readonly output: T; // [H*d, D]  W_O of eq. 11
};

/** Fresh weights; `outputGain` scales W_O. */
export function initProjections(
  { modelDim: D, numHeads: H, numKeyValueHeads: K, headDim: d }: HeadsConfig,
  rng: Rng,
  outputGain: number,
): ProjectionParams<FloatTensor> {
  return {
    query: weight(D, H * d, rng.fork("query")),
    key: weight(D, K * d, rng.fork("key")),
    value: weight(D, K * d, rng.fork("value")),
    output: weight(H * d, D, rng.fork("output"), outputGain),
  };
}

/** Number of weights, and of multiplications for one token. */
export function projectionParameters({
  modelDim: D,
  numHeads: H,
  numKeyValueHeads: K,
  headDim: d,
}: HeadsConfig): number {
  return 2 * D * H * d + 2 * D * K * d;
}
