/**
 * What a Gated DeltaNet layer is built from. Keys and values have the same size and the same number of heads; the
 * published layer has values of twice the size of keys, in heads of 256, and keys of three quarters the model's width.
 */
export interface GatedDeltaNetConfig {
  readonly modelDim: number; // D
  readonly numHeads: number; // H
  readonly headDim: number; // d
  /** Tokens computed at once; 64 as published. */
  readonly segmentLength: number; // N
  readonly normEpsilon: number;
}
