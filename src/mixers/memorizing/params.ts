import { filledSpec } from "../../nn/init.ts";
import type { ParamSpec } from "../../nn/spec.ts";
import { projectionSpecs, type ProjectionParams } from "../shared/projections.ts";
import type { MemorizingConfig } from "./config.ts";

/** Weights of a layer; K key/value heads, each for G = H / K query heads. */
export type MemorizingParams<T, W = T> = ProjectionParams<W> & {
  /** b_h: sigmoid(b_h) is the share given to what was retrieved. */
  readonly gate: T; // [H]
  /** Factor on the cosines of the retrieval; its sign does not matter. */
  readonly scale: T; // [H]
};

/** `outputGain` scales the output projection. Gates start at 0, half open. */
export function memorizingSpecs(config: MemorizingConfig, outputGain: number): MemorizingParams<ParamSpec> {
  const { numHeads: H, scaleInit } = config;
  return {
    ...projectionSpecs(config, outputGain),
    gate: filledSpec("gate", [H], 0),
    scale: filledSpec("bias", [H], scaleInit),
  };
}
