import type { InfiniConfig, MemoryConfig } from "./config.ts";
import { choosesWrites } from "./memory.ts";

/* What the tests of Infini-attention share. */

export type Variant = Partial<MemoryConfig> & { readonly numHeads?: number; readonly numKeyValueHeads?: number };

/** A layer of width 6 with heads of size 4 and segments of 4 tokens; the memory that holds unless the variant has another. */
export function tinyInfini({ numHeads = 2, numKeyValueHeads = 2, ...memory }: Variant): InfiniConfig {
  const { update = "token-delta" } = memory;
  return {
    modelDim: 6,
    numHeads,
    numKeyValueHeads,
    headDim: 4,
    segmentLength: 4,
    ropeBase: 100,
    normEpsilon: 1e-5,
    memory: {
      update,
      featureMap: choosesWrites(update) ? "silu-l2" : "elu-plus-one",
      gate: "head",
      gateInit: 0,
      shift: "none",
      cache: false,
      writeStrength: "sigmoid",
      ...memory,
    },
  };
}
