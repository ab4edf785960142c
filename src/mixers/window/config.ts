import { OptionError } from "../../base/errors.ts";
import type { HeadsConfig } from "../shared/projections.ts";

/** What a layer of sliding-window attention is built from. */
export interface WindowConfig extends HeadsConfig {
  /** Tokens visible to a token: itself and those just before it. A multiple of N. */
  readonly windowLength: number; // W
  /** First tokens of the sequence that every later token sees, 0 to N. */
  readonly sinks: number;
}

/** Throws OptionError when the window or the sinks do not fit the segments. */
export function checkWindow({ windowLength, segmentLength, sinks }: WindowConfig): void {
  if (!(windowLength > 0 && windowLength % segmentLength === 0)) {
    throw new OptionError(`windowLength ${windowLength} is not a multiple of the segmentLength ${segmentLength}`);
  }
  if (!(Number.isInteger(sinks) && sinks >= 0 && sinks <= segmentLength)) {
    throw new OptionError(`sinks ${sinks} must be a whole number from 0 to the segmentLength ${segmentLength}`);
  }
}

/** Windows of more segments than this are not copied for each segment. */
const FEW_SEGMENTS = 4;

/**
 * How many of T tokens share one product with all the rows that any of them sees. Whole segments of N keep the cost
 * linear in T, but copy each key W / N + 1 times; one product of T rows with W + T copies nothing.
 */
export function blockLength({ segmentLength: N, windowLength: W }: WindowConfig, T: number): number {
  return W > FEW_SEGMENTS * N && T <= W ? T : N;
}
