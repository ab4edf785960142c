import type { NumericTensor } from "../../engine/reference.ts";
import { mixerSuite } from "../mixer.suite.ts";
import { transcriptionSuite } from "../transcription.suite.ts";
import type { MemorizingConfig } from "./config.ts";
import fixtures from "./fixtures.json" with { type: "json" };
import { memorizingAttention } from "./mixer.ts";
import { naiveMemorizing } from "./naive.ts";
import type { MemorizingParams } from "./params.ts";

const N = 4;
const D = 6;

/** A store of one segment and of several, fewer and more pairs than are retrieved, one and several query heads for each. */
const variants: readonly Partial<MemorizingConfig>[] = [
  { storeSize: 8, topK: 3 },
  { storeSize: 4, topK: 4, numHeads: 4 },
  { storeSize: 12, topK: 2, numKeyValueHeads: 1 },
  { storeSize: 12, topK: 6, scaleInit: -2 },
];

for (const variant of variants) {
  const config = configOf(variant);
  mixerSuite(`memorizing ${JSON.stringify(variant)}`, {
    mixer: memorizingAttention(config),
    modelDim: D,
    segmentLength: N,
    reach: config.storeSize > N ? 2 : 1,
    naive: (params, x) => naiveMemorizing(config, params as MemorizingParams<NumericTensor>, x),
    gates: ["gate", "scale"],
  });
}

transcriptionSuite(memorizingAttention(fixtures.config), D, fixtures);

// --- internal ---

function configOf(variant: Partial<MemorizingConfig>): MemorizingConfig {
  return {
    modelDim: D,
    numHeads: 2,
    numKeyValueHeads: 2,
    headDim: 4,
    segmentLength: N,
    ropeBase: 100,
    storeSize: 8,
    topK: 3,
    scaleInit: 1,
    ...variant,
  };
}
