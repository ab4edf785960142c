import type { NumericTensor } from "../../engine/reference.ts";
import { mixerSuite } from "../mixer.suite.ts";
import type { WindowConfig } from "./config.ts";
import { windowAttention } from "./mixer.ts";
import { naiveWindow } from "./naive.ts";
import type { WindowParams } from "./params.ts";

const N = 4;
const D = 6;

type Variant = Partial<WindowConfig>;

/** Short windows in blocks and a long one in one product, with and without sinks. */
const variants: readonly { readonly variant: Variant; readonly reach: 0 | 1 | 2 }[] = [
  { variant: { windowLength: N }, reach: 0 },
  { variant: { windowLength: 2 * N, numHeads: 4 }, reach: 1 },
  { variant: { windowLength: N, sinks: 2, numHeads: 4 }, reach: 2 },
  { variant: { windowLength: 2 * N, sinks: N, numKeyValueHeads: 1 }, reach: 2 },
  { variant: { windowLength: 8 * N, numHeads: 4 }, reach: 2 },
];

for (const { variant, reach } of variants) {
  const config = configOf(variant);
  mixerSuite(JSON.stringify(variant), {
    mixer: windowAttention(config),
    modelDim: D,
    segmentLength: N,
    reach,
    tolerance: 1e-6,
    naive: (params, x) => naiveWindow(config, params as WindowParams<NumericTensor>, x),
  });
}

// --- internal ---

function configOf(variant: Variant): WindowConfig {
  return {
    modelDim: D,
    numHeads: 2,
    numKeyValueHeads: 2,
    headDim: 4,
    segmentLength: N,
    ropeBase: 100,
    windowLength: N,
    sinks: 0,
    ...variant,
  };
}
