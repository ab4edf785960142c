import { z } from "zod";
import type { MixerKind } from "../kind.ts";
import { compressiveMultiplications } from "./cost.ts";
import { compressiveAttention } from "./mixer.ts";

const count = z.int().positive();

export const compressiveSchema = z.strictObject({
  kind: z.literal("compressive"),
  /** Layer inputs kept unchanged. Default: one segment. */
  memoryLength: count.optional(),
  /** Compressed vectors kept. Default: one segment. */
  compressedLength: count.optional(),
  /** Vectors compressed into one. */
  rate: count.default(4),
});
export const compressiveKind: MixerKind<typeof compressiveSchema> = {
  schema: compressiveSchema,
  layer(model, { memoryLength = model.segmentLength, compressedLength = model.segmentLength, rate }) {
    const config = { ...model, memoryLength, compressedLength, rate };
    return {
      mixer: compressiveAttention(config),
      multiplications: compressiveMultiplications(config),
    };
  },
};
