import { projectionMultiplications } from "../shared/projections.ts";
import type { InfiniConfig } from "./config.ts";
import { featureMaps } from "./features.ts";
import { ofMemoryHeads } from "./heads.ts";
import { choosesWrites } from "./memory.ts";

/**
 * Multiplications of matrix products for one token, forward: projections, local attention as computed, which is the whole
 * square, and the memory.
 */
export function infiniMultiplications(config: InfiniConfig): number {
  const { numHeads: H, headDim: d, segmentLength: N, memory } = config;
  const local = 2 * H * N * (memory.cache ? 2 : 1) * d; // Q K^T and the weighted sum of V
  const remember =
    memory.update === "none" ? 0 : memoryMultiplications(ofMemoryHeads(config), featureMaps[memory.featureMap].dim(d));
  return projectionMultiplications(config) + local + remember;
}

// --- internal ---

/** One token's read and write, for features of size f. */
function memoryMultiplications(
  { numHeads: H, numKeyValueHeads: K, headDim: d, segmentLength: N, memory }: InfiniConfig,
  f: number,
): number {
  const read = H * f * d;
  const write = K * f * d;
  if (memory.update === "linear") return read + write;
  const difference = K * f * (f + (f * d) / N); // P of the scan, and its product with M, once for each segment
  if (!choosesWrites(memory.update)) return read + write + difference;
  return read + write + difference + K * N * (2 * f + 2 * N * Math.max(0, Math.log2(N) - 1));
}
