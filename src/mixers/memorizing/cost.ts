import { projectionMultiplications } from "../shared/projections.ts";
import type { MemorizingConfig } from "./config.ts";

/**
 * Multiplications of matrix products for one token, forward: projections, local attention over two segments, and the
 * scores and the weighted sum over the whole store, since what was not retrieved is masked, not left out.
 */
export function memorizingMultiplications(config: MemorizingConfig): number {
  const { numHeads: H, headDim: d, segmentLength: N, storeSize: M } = config;
  return projectionMultiplications(config) + 2 * H * 2 * N * d + 2 * H * M * d;
}
