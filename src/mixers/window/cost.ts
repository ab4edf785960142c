import { projectionMultiplications } from "../shared/projections.ts";
import { blockLength, type WindowConfig } from "./config.ts";

/**
 * Multiplications of one token in one layer, when W are read at once: projections, scores and weighted sums, as
 * computed, masked ones included.
 */
export function windowMultiplications(config: WindowConfig): number {
  const { numHeads: H, headDim: d, windowLength: W, sinks } = config;
  return projectionMultiplications(config) + 2 * H * d * (sinks + W + blockLength(config, W));
}
