import { mamba2Sizes, type Mamba2Config } from "./config.ts";

/** Multiplications of matrix products for one token in whole segments, as computed: squares of N x N are filled. */
export function mamba2Multiplications(config: Mamba2Config): number {
  const { inner: I, heads: H } = mamba2Sizes(config);
  const { modelDim: D, stateDim: n, segmentLength: N } = config;
  const projections = D * (2 * I + 2 * n + H) + I * D;
  const inSegment = N * (n + I); // q k^T, once for all heads, and its product with what is written
  const state = 2 * n * I; // reads and writes
  return projections + inSegment + state;
}
