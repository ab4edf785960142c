import { OptionError } from "../../base/errors.ts";

/** What a layer of Transformer-XL is built from. */
export interface TransformerXlConfig {
  /** Also the size of the sinusoids of a distance. Even. */
  readonly modelDim: number; // D
  readonly numHeads: number; // H
  /** Size of a query, key and value. */
  readonly headDim: number; // d
  readonly segmentLength: number; // N
  /** Tokens whose inputs are kept, a multiple of N. */
  readonly cacheLength: number; // M
  /** Whether gradients end at the cache, as in the paper, or flow into the segments before. Default true. */
  readonly stopGradient?: boolean;
}

/** Throws OptionError when the cache does not fit the segments, or the sinusoids do not fit the model. */
export function checkTransformerXl({ modelDim, cacheLength, segmentLength }: TransformerXlConfig): void {
  if (!(cacheLength > 0 && cacheLength % segmentLength === 0)) {
    throw new OptionError(`cacheLength ${cacheLength} is not a multiple of the segmentLength ${segmentLength}`);
  }
  if (modelDim % 2 !== 0) throw new OptionError(`modelDim ${modelDim} must be even`);
}
