import { OptionError } from "../../base/errors.ts";
import type { HeadsConfig } from "../shared/projections.ts";

/**
 * How a segment is written to the memory. `none`: there is no memory; `linear`: eq. 8; `delta`: eq. 9;
 * `delta-corrected`: eq. 9 with a normalizer that grows by new keys only; `token-delta` and `gated-token-delta`: a
 * delta rule for each token, see token-rules.ts.
 */
export const MEMORY_UPDATES = [
  "none",
  "linear",
  "delta",
  "delta-corrected",
  "token-delta",
  "gated-token-delta",
] as const;
export type MemoryUpdate = (typeof MEMORY_UPDATES)[number];

/** sigma, what keys and queries are turned into before they meet the memory; see features.ts. */
export const FEATURE_MAPS = ["elu-plus-one", "softmax", "dpfp", "silu-l2"] as const;
export type FeatureMapName = (typeof FEATURE_MAPS)[number];

/** Whether the gate of eq. 10 is one number for each head, as in the paper, or also looks at the token. */
export const GATES = ["head", "token"] as const;
export type GateKind = (typeof GATES)[number];

/** What queries, keys and values see of the tokens before theirs: nothing, one token, or three (a short convolution). */
export const SHIFTS = ["none", "token", "convolution"] as const;
export type Shift = (typeof SHIFTS)[number];

/**
 * What the taps of a convolution begin with. `own`: nearly the token alone, so that training decides whether to look
 * back at all; `random`: half the token, and every feature another mixture of the four, as recurrent models begin.
 */
export const SHIFT_INITS = ["own", "random"] as const;
export type ShiftInit = (typeof SHIFT_INITS)[number];

/** How strongly a token is written by the rules that choose; a hard sigmoid can leave a token out altogether. */
export const WRITE_STRENGTHS = ["sigmoid", "hard-sigmoid"] as const;
export type WriteStrength = (typeof WRITE_STRENGTHS)[number];

/** What an Infini-attention layer is made from. */
export interface InfiniConfig extends HeadsConfig {
  readonly normEpsilon: number;
  readonly memory: MemoryConfig;
}

export interface MemoryConfig {
  readonly update: MemoryUpdate;
  /** The key/value heads that have the memory; the others attend locally. Default: all. */
  readonly heads?: number[] | undefined;
  readonly featureMap: FeatureMapName;
  readonly gate: GateKind;
  /** Initial value of the gate beta of eq. 10; 0 gives both paths the same share. */
  readonly gateInit: number;
  readonly shift: Shift;
  /** Of the taps of `convolution`. Default: `own`. */
  readonly shiftInit?: ShiftInit | undefined;
  /** Whether local attention also sees the segment before, as Transformer-XL does. */
  readonly cache: boolean;
  readonly writeStrength: WriteStrength;
}

/** Throws OptionError, naming the head, for a memory of a key/value head that the layer does not have. */
export function checkMemoryHeads({ numKeyValueHeads, memory }: InfiniConfig): void {
  const missing = memory.heads?.find((head) => head >= numKeyValueHeads);
  if (missing !== undefined)
    throw new OptionError(`heads names head ${missing}, and there are key/value heads 0 to ${numKeyValueHeads - 1}`);
}
