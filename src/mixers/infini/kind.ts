import type { LayerMixer } from "../kind.ts";
import type { InfiniConfig } from "./config.ts";
import { infiniMultiplications } from "./cost.ts";
import { infiniAttention } from "./mixer.ts";

/** A layer of Infini-attention, which a model has where no other mixer takes its place. */
export function infiniLayer(model: InfiniConfig): LayerMixer {
  return {
    mixer: infiniAttention(model),
    multiplications: infiniMultiplications(model),
  };
}
