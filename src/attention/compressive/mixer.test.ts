import type { NumericTensor } from "../../engine/reference.ts";
import { mixerSuite } from "../mixer.suite.ts";
import { transcriptionSuite } from "../transcription.suite.ts";
import type { CompressiveConfig } from "./config.ts";
import fixtures from "./fixtures.json" with { type: "json" };
import { compressiveAttention } from "./mixer.ts";
import { naiveCompressive } from "./naive.ts";
import type { CompressiveParams } from "./params.ts";

const N = 4;
const D = 6;

/** Memories of one segment and of several, every rate, one and several query heads for each of keys. */
const variants: readonly Partial<CompressiveConfig>[] = [
  { memoryLength: 4, compressedLength: 4, rate: 2 },
  { memoryLength: 8, compressedLength: 1, rate: 4, numHeads: 4 },
  { memoryLength: 4, compressedLength: 2, rate: 4, numKeyValueHeads: 1 },
  { memoryLength: 4, compressedLength: 4, rate: 1 },
];

for (const variant of variants) {
  const config = configOf(variant);
  mixerSuite(`compressive ${JSON.stringify(variant)}`, {
    mixer: compressiveAttention(config),
    modelDim: D,
    segmentLength: N,
    naive: (params, x) => naiveCompressive(config, params as CompressiveParams<NumericTensor>, x),
  });
}

transcriptionSuite(compressiveAttention(fixtures.config), D, fixtures);

// --- internal ---

function configOf(variant: Partial<CompressiveConfig>): CompressiveConfig {
  return {
    modelDim: D,
    numHeads: 2,
    numKeyValueHeads: 2,
    headDim: 4,
    segmentLength: N,
    ropeBase: 100,
    memoryLength: 8,
    compressedLength: 4,
    rate: 2,
    ...variant,
  };
}
