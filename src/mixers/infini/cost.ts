import { projectionParameters } from "../shared/projections.ts";
import type { InfiniConfig } from "./config.ts";
import { featureMaps } from "./features.ts";
import { choosesWrites, memoryRules } from "./memory.ts";
import { CONVOLUTION_TAPS } from "../../nn/token-shift.ts";

/** Number of weights of a layer. */
export function infiniParameters(config: InfiniConfig): number {
  const { modelDim: D, memory } = config;
  const shift = { none: 0, token: 3 * D, convolution: 3 * CONVOLUTION_TAPS * D }[memory.shift];
  return projectionParameters(config) + shift + memoryParameters(config);
}

/**
 * Multiplications of matrix products for one token, forward: projections, local attention as computed, which is the whole
 * square, and the memory.
 */
export function infiniMultiplications(config: InfiniConfig): number {
  const { numHeads: H, headDim: d, segmentLength: N, memory } = config;
  const local = 2 * H * N * (memory.cache ? 2 : 1) * d; // Q K^T and the weighted sum of V
  const remember = memory.update === "none" ? 0 : memoryMultiplications(config, featureMaps[memory.featureMap].dim(d));
  return projectionParameters(config) + local + remember;
}

// --- internal ---

/** Gates, strengths, the temperature of the features and the norm on reads. */
function memoryParameters({ modelDim: D, numHeads: H, numKeyValueHeads: K, headDim: d, memory }: InfiniConfig): number {
  if (memory.update === "none") return 0;
  const choices = memoryRules[memory.update].chooses.length;
  const gate = memory.gate === "token" ? (D + 1) * H : H;
  const temperature = featureMaps[memory.featureMap].tempered ? K : 0;
  return gate + temperature + choices * (D + H * d + 1) * K + (choices > 0 ? d : 0);
}

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
