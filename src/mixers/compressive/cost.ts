import { projectionMultiplications } from "../shared/projections.ts";
import type { CompressiveConfig } from "./config.ts";

/**
 * Multiplications of matrix products for one token, forward, in a sequence of many segments: projections, keys and
 * values of memories, attention and compression. What only training needs, the auxiliary loss, is left out.
 */
export function compressiveMultiplications(config: CompressiveConfig): number {
  const { modelDim: D, numHeads: H, numKeyValueHeads: K, headDim: d, segmentLength: N, rate } = config;
  const { memoryLength: m, compressedLength: c } = config;
  const memories = 2 * D * K * d * (1 + 1 / rate); // each vector once as a memory, and compressed with its neighbours
  return projectionMultiplications(config) + memories + 2 * H * (c + m + N) * d + D * D;
}
