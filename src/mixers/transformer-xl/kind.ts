import { OptionError } from "../../base/errors.ts";
import { z } from "zod";
import type { MixerKind } from "../kind.ts";
import { transformerXlMultiplications } from "./cost.ts";
import { transformerXl } from "./mixer.ts";

const count = z.int().positive();

export const transformerXlSchema = z.strictObject({
  kind: z.literal("transformer-xl"),
  /** Default: one segment. */
  cacheLength: count.optional(),
  stopGradient: z.boolean().default(true),
});
export const transformerXlKind: MixerKind<typeof transformerXlSchema> = {
  schema: transformerXlSchema,
  layer(model, { cacheLength = model.segmentLength, stopGradient }) {
    if (model.numKeyValueHeads !== model.numHeads)
      throw new OptionError("numKeyValueHeads must be numHeads in a Transformer-XL");
    const config = { ...model, cacheLength, stopGradient };
    return {
      mixer: transformerXl(config),
      multiplications: transformerXlMultiplications(config),
    };
  },
};
