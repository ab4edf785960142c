import { filled, zeros, type FloatTensor } from "../../tensor/host-tensor.ts";
import type { Rng } from "../../base/random.ts";
import { initProjections, type ProjectionParams } from "../shared/projections.ts";
import type { MemorizingConfig } from "./config.ts";

/** Weights of a layer; K key/value heads, each for G = H / K query heads. */
export type MemorizingParams<T> = ProjectionParams<T> & {
  /** b_h: sigmoid(b_h) is the share of what was retrieved. */
  readonly gate: T; // [H]
  /** Factor on the cosines of the retrieval; its sign does not count. */
  readonly scale: T; // [H]
};

/** Fresh weights; `outputGain` scales the output projection. Gates begin at 0, half open. */
export function initMemorizingParams(
  config: MemorizingConfig,
  rng: Rng,
  outputGain: number,
): MemorizingParams<FloatTensor> {
  const { numHeads: H, scaleInit } = config;
  return {
    ...initProjections(config, rng, outputGain),
    gate: zeros([H]),
    scale: filled([H], scaleInit),
  };
}
