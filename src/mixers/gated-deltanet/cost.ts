import type { GatedDeltaNetConfig } from "./config.ts";

/** Multiplications of matrix products for one token in whole segments, as computed: squares of N x N are filled. */
export function gatedDeltaNetMultiplications(config: GatedDeltaNetConfig): number {
  const { modelDim: D, numHeads: H, headDim: d, segmentLength: N } = config;
  const projections = D * (4 * H * d + 2 * H) + H * d * D;
  const inSegment = 5 * N * d; // k k^T and q k^T; T times values and keys; reads of the writes
  const inverse = 2 * N * N * Math.max(0, Math.ceil(Math.log2(N)) - 1);
  const state = 4 * d * d + d ** 3 / N; // reads by keys and by queries, writes, and the state that is kept
  return projections + H * (inSegment + inverse + state);
}
