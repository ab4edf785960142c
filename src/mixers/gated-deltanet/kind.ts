import { z } from "zod";
import type { MixerKind } from "../kind.ts";
import { gatedDeltaNetMultiplications } from "./cost.ts";
import { gatedDeltaNet } from "./mixer.ts";

export const gatedDeltaNetSchema = z.strictObject({ kind: z.literal("gated-deltanet") });
export const gatedDeltaNetKind: MixerKind<typeof gatedDeltaNetSchema> = {
  schema: gatedDeltaNetSchema,
  layer: (model) => ({
    mixer: gatedDeltaNet(model),
    multiplications: gatedDeltaNetMultiplications(model),
  }),
};
