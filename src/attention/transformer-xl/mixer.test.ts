import type { NumericTensor } from "../../engine/reference.ts";
import { mixerSuite } from "../mixer.suite.ts";
import type { TransformerXlConfig } from "./config.ts";
import { transformerXl } from "./mixer.ts";
import { naiveTransformerXl } from "./naive.ts";
import type { TransformerXlParams } from "./params.ts";

const N = 4;
const D = 6;

type Variant = Partial<TransformerXlConfig>;

const variants: readonly { readonly variant: Variant; readonly reach: 1 | 2 }[] = [
  { variant: { cacheLength: N }, reach: 1 },
  { variant: { cacheLength: N, stopGradient: false, numHeads: 3 }, reach: 1 },
  { variant: { cacheLength: 2 * N, headDim: 3 }, reach: 2 },
  { variant: { cacheLength: 3 * N, stopGradient: false }, reach: 2 },
];

for (const { variant, reach } of variants) {
  const config = configOf(variant);
  mixerSuite(JSON.stringify(variant), {
    mixer: transformerXl(config),
    modelDim: D,
    segmentLength: N,
    reach,
    naive: (params, x) => naiveTransformerXl(config, params as TransformerXlParams<NumericTensor>, x),
  });
}

// --- internal ---

function configOf(variant: Variant): TransformerXlConfig {
  return { modelDim: D, numHeads: 2, headDim: 4, segmentLength: N, cacheLength: N, ...variant };
}
