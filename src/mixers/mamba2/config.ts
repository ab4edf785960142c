import { OptionError } from "../../base/errors.ts";

/** What a Mamba-2 layer is built from. */
export interface Mamba2Config {
  readonly modelDim: number; // D
  /** Inner width of the layer, I = expand * D; 2 as published. */
  readonly expand: number;
  /** Size P of a head; 64 as published. Divides I. */
  readonly headDim: number;
  /** Size n of keys and queries, the rows of each head's state; 128 as published. */
  readonly stateDim: number;
  /** Tokens computed at once, a chunk in the paper; 256 as published. */
  readonly segmentLength: number; // N
  readonly normEpsilon: number;
}

/** Inner width I and heads, H = I / P. Throws `OptionError` when heads do not fill the width. */
export function mamba2Sizes({ modelDim, expand, headDim }: Mamba2Config): { inner: number; heads: number } {
  const inner = expand * modelDim;
  if (!Number.isInteger(inner / headDim)) {
    throw new OptionError(`heads of ${headDim} do not fill a width of ${expand} * ${modelDim}`);
  }
  return { inner, heads: inner / headDim };
}
