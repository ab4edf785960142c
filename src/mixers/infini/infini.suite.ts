import type { NumericTensor } from "../../engine/reference/reference.ts";
import { mixerSuite } from "../testing/mixer.suite.ts";
import { tinyInfini, type Variant } from "./fixtures.ts";
import { infiniAttention } from "./mixer.ts";
import { naiveInfini } from "./naive.ts";
import type { InfiniParams } from "./params.ts";

/** The contract of mixers for variants of Infini-attention. */
export function infiniSuite(variants: readonly Variant[]): void {
  for (const variant of variants) {
    const config = tinyInfini(variant);
    mixerSuite(JSON.stringify(variant), {
      mixer: infiniAttention(config),
      modelDim: config.modelDim,
      segmentLength: config.segmentLength,
      reach: variant.update === "none" ? 1 : 2,
      naive: (params, x) => naiveInfini(config, params as InfiniParams<NumericTensor>, x),
      gates: variant.update === "none" ? [] : variant.gate === "token" ? ["gate", "gateInput"] : ["gate"],
    });
  }
}
