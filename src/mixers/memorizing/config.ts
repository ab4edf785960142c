import { OptionError } from "../../base/errors.ts";
import type { HeadsConfig } from "../shared/projections.ts";

/** What a layer of a Memorizing Transformer (arXiv 2203.08913) is built from. */
export interface MemorizingConfig extends HeadsConfig {
  /** Pairs of a key and a value that each head stores; a multiple of the segment length. The paper's: up to 262,144. */
  readonly storeSize: number; // M
  /** Stored pairs that each query retrieves. The paper's: 32. */
  readonly topK: number;
  /**
   * Initial factor on the cosines of the retrieval. 1 in google-research/meliad, whose optimizer moves it fast; at the
   * rates of Adam a larger one saves many steps.
   */
  readonly scaleInit: number;
}

/**
 * Throws OptionError, naming the value, for a store that is not a whole number of segments or has fewer than `topK`
 * pairs.
 */
export function checkMemorizing({ storeSize, segmentLength, topK }: MemorizingConfig): void {
  if (!(storeSize > 0 && storeSize % segmentLength === 0)) {
    throw new OptionError(`storeSize ${storeSize} is not a whole number of segments of ${segmentLength}`);
  }
  if (!(Number.isInteger(topK) && 1 <= topK && topK <= storeSize)) {
    throw new OptionError(`topK ${topK} is not a whole number from 1 to storeSize ${storeSize}`);
  }
}
