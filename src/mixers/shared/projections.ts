import { matrixSpec } from "../../nn/init.ts";
import type { ParamSpec } from "../../nn/spec.ts";

/** The heads of an attention layer. */
export interface HeadsConfig {
  readonly modelDim: number; // D
  readonly numHeads: number; // H
  /** Heads of keys, values and what is kept from them; each serves numHeads / numKeyValueHeads query heads. */
  readonly numKeyValueHeads: number; // K
  /** Size of a query, key and value. Even. */
  readonly headDim: number; // d
  readonly segmentLength: number; // N
  readonly ropeBase: number;
}

/** Into heads and back. */
export type ProjectionParams<W> = {
  readonly query: W; // [H*d, D]  W_Q of eq. 5
  readonly key: W; // [K*d, D]  W_K
  readonly value: W; // [K*d, D]  W_V
  readonly output: W; // [D, H*d]  W_O of eq. 11
};

/** `outputGain` scales W_O. */
export function projectionSpecs(
  { modelDim: D, numHeads: H, numKeyValueHeads: K, headDim: d }: HeadsConfig,
  outputGain: number,
): ProjectionParams<ParamSpec> {
  return {
    query: matrixSpec("query", D, H * d),
    key: matrixSpec("key", D, K * d),
    value: matrixSpec("value", D, K * d),
    output: matrixSpec("output", H * d, D, outputGain),
  };
}

/** Multiplications of one token. */
export function projectionMultiplications({
  modelDim: D,
  numHeads: H,
  numKeyValueHeads: K,
  headDim: d,
}: HeadsConfig): number {
  return 2 * D * H * d + 2 * D * K * d;
}
