import { OptionError } from "../../base/errors.ts";
import { z } from "zod";
import type { MixerContext, MixerKind } from "../kind.ts";
import { memorySchema, type infiniSchema } from "../infini/kind.ts";
import { memorizingMultiplications } from "./cost.ts";
import { memorizingAttention } from "./mixer.ts";

const count = z.int().positive();

/** A layer with a store. */
export const memorizingLayerSchema = z.strictObject({
  kind: z.literal("memorizing"),
  /** Pairs that each head stores; a multiple of the segment length. */
  storeSize: count,
  /** Stored pairs that each query retrieves. */
  topK: count.default(32),
  scaleInit: z.number().positive().default(8),
});
/** A whole model, in which one layer has a store. */
export const memorizingSchema = memorizingLayerSchema.extend({
  /** The layer with the store, counted from 0. Default: three quarters up, the 9th of 12 as in the paper. */
  memoryLayer: z.int().nonnegative().optional(),
});
export const memorizingKind: MixerKind<typeof memorizingLayerSchema> = {
  schema: memorizingLayerSchema,
  layer(model, options) {
    const config = { ...model, ...options };
    return {
      mixer: memorizingAttention(config),
      multiplications: memorizingMultiplications(config),
    };
  },
};

/** The layers of a whole model: those without the store see their segment and the one before it. Throws OptionError. */
export function memorizingLayers(
  { numLayers }: Pick<MixerContext, "numLayers">,
  { memoryLayer = Math.max(0, Math.round(0.75 * numLayers) - 1), ...withStore }: z.output<typeof memorizingSchema>,
): (z.output<typeof memorizingLayerSchema> | z.output<typeof infiniSchema>)[] {
  if (memoryLayer >= numLayers)
    throw new OptionError(`memoryLayer ${memoryLayer} is not one of the ${numLayers} layers`);
  const memory = memorySchema.parse({ update: "none", shift: "none", cache: true });
  return Array.from({ length: numLayers }, (_, layer) =>
    layer === memoryLayer ? withStore : { kind: "infini", memory },
  );
}
