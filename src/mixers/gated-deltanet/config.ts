/**
 * What a Gated DeltaNet layer is made from. Keys and values are of one size and have as many heads; the published layer
 * has values of twice the size of keys, in heads of 256, and keys of three quarters of the model's width.
 */
export interface GatedDeltaNetConfig {
  readonly modelDim: number; // D
  readonly numHeads: number; // H
  readonly headDim: number; // d
  /** Tokens that are computed at once; 64 as published. */
  readonly segmentLength: number; // N
  readonly normEpsilon: number;
}
