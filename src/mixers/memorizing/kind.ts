import { OptionError } from "../../base/errors.ts";
import { z } from "zod";
import type { MixerKind } from "../kind.ts";
import { infiniLayer } from "../infini/kind.ts";
import { memorizingMultiplications } from "./cost.ts";
import { memorizingAttention } from "./mixer.ts";

const count = z.int().positive();

export const memorizingSchema = z.strictObject({
  kind: z.literal("memorizing"),
  /** Pairs that each head stores, in one layer; a multiple of the segment length. */
  storeSize: count,
  /** Stored pairs that each query retrieves. */
  topK: count.default(32),
  /** The layer with the store, counted from 0. Default: three quarters of the way up, the 9th of 12 as in the paper. */
  memoryLayer: z.int().nonnegative().optional(),
  scaleInit: z.number().positive().default(8),
});
/** One layer has the store; the others see their segment and the one before it. */
export const memorizingKind: MixerKind<typeof memorizingSchema> = {
  schema: memorizingSchema,
  layer(model, { memoryLayer = Math.max(0, Math.round(0.75 * model.numLayers) - 1), ...options }, layer) {
    if (memoryLayer >= model.numLayers)
      throw new OptionError(`memoryLayer ${memoryLayer} is not one of the ${model.numLayers} layers`);
    if (layer !== memoryLayer)
      return infiniLayer({ ...model, memory: { ...model.memory, update: "none", shift: "none", cache: true } });
    const config = { ...model, ...options };
    return {
      mixer: memorizingAttention(config),
      multiplications: memorizingMultiplications(config),
    };
  },
};
