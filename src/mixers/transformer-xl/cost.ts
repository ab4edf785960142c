import type { TransformerXlConfig } from "./config.ts";

/**
 * Multiplications of one token in one layer, of whole segments: projections, the scores of contents and of distances
 * and the weighted sum, as computed, masked ones included. Keys and values are projected twice where gradients stop at
 * the cache. W_k,R R is left out: (M + N + 1) D H d multiplications, once for all segments and lanes that are read
 * together.
 */
export function transformerXlMultiplications(config: TransformerXlConfig): number {
  const { modelDim: D, numHeads: H, headDim: d, segmentLength: N, cacheLength: M, stopGradient = true } = config;
  const projections = (stopGradient ? 6 : 4) * D * H * d;
  return projections + 3 * H * d * (M + N);
}
