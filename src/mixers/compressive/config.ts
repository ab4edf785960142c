import { OptionError } from "../../base/errors.ts";
import type { HeadsConfig } from "../shared/projections.ts";

/** What a layer of a Compressive Transformer (arXiv 1911.05507) is built from. */
export interface CompressiveConfig extends HeadsConfig {
  /** Layer inputs kept unchanged; a multiple of the segment length. */
  readonly memoryLength: number; // m
  /** Compressed vectors kept; a multiple of segmentLength / rate. */
  readonly compressedLength: number; // c
  /** Vectors compressed into one; divides the segment length. */
  readonly rate: number; // r
}

/** Throws OptionError, naming the value, for memories that do not take in whole segments. */
export function checkCompressive({ segmentLength: N, memoryLength, compressedLength, rate }: CompressiveConfig): void {
  if (!(Number.isInteger(rate) && rate > 0 && N % rate === 0)) {
    throw new OptionError(`rate ${rate} does not divide segmentLength ${N}`);
  }
  if (!(memoryLength > 0 && memoryLength % N === 0)) {
    throw new OptionError(`memoryLength ${memoryLength} is not a whole number of segments of ${N}`);
  }
  if (!(compressedLength > 0 && compressedLength % (N / rate) === 0)) {
    throw new OptionError(
      `compressedLength ${compressedLength} is not a multiple of segmentLength / rate, ${N / rate}`,
    );
  }
}
