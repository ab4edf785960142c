import { z } from "zod";
import type { MixerKind } from "../kind.ts";
import {
  checkMemoryHeads,
  FEATURE_MAPS,
  GATES,
  MEMORY_UPDATES,
  SHIFT_INITS,
  SHIFTS,
  WRITE_STRENGTHS,
} from "./config.ts";
import { infiniMultiplications } from "./cost.ts";
import { featureMaps } from "./features.ts";
import { choosesWrites } from "./memory.ts";
import { infiniAttention } from "./mixer.ts";

export const memorySchema = z
  .strictObject({
    /** `linear` and `delta` are the paper's; `token-delta` is the one that holds; `none` leaves local attention alone. */
    update: z.enum(MEMORY_UPDATES).default("token-delta"),
    /** The key/value heads that have the memory, counted from 0; the others attend locally. Default: all. */
    heads: z
      .array(z.int().nonnegative())
      .min(1)
      .refine((heads) => new Set(heads).size === heads.length, "must name each head once")
      .optional(),
    /** Default: `elu-plus-one`, the paper's, and `silu-l2` for the rules of tokens. */
    featureMap: z.enum(FEATURE_MAPS).optional(),
    gate: z.enum(GATES).default("head"),
    gateInit: z.number().min(-8).max(8).default(0),
    shift: z.enum(SHIFTS).default("token"),
    /** Of `convolution`. Default: `own`, as the shipped model began; `random` learns language faster. */
    shiftInit: z.enum(SHIFT_INITS).optional(),
    /** Whether local attention also sees the segment before. */
    cache: z.boolean().default(false),
    /** For rules that choose what to write. */
    writeStrength: z.enum(WRITE_STRENGTHS).default("hard-sigmoid"),
  })
  .transform((memory) => ({
    ...memory,
    featureMap: memory.featureMap ?? (choosesWrites(memory.update) ? "silu-l2" : "elu-plus-one"),
  }))
  .refine(({ update, featureMap }) => choosesWrites(update) || featureMaps[featureMap].positive, {
    path: ["featureMap"],
    error: "must be one without negative features, which the rule divides by the sum of",
  })
  .refine(({ update, heads }) => heads === undefined || update !== "none", {
    path: ["heads"],
    error: "are those that have a memory: the update must not be none",
  })
  .refine(({ shift, shiftInit }) => shiftInit !== "random" || shift === "convolution", {
    path: ["shiftInit"],
    error: "is of the taps of a convolution: the shift must be one",
  });

/** In a config file, a layer has Infini-attention where it names no mixer, and `memory` stands alone. */
export const infiniSchema = z.strictObject({ kind: z.literal("infini"), memory: memorySchema });

export const infiniKind: MixerKind<typeof infiniSchema> = {
  schema: infiniSchema,
  layer(model, { memory }) {
    const config = { ...model, memory };
    checkMemoryHeads(config);
    return {
      mixer: infiniAttention(config),
      multiplications: infiniMultiplications(config),
    };
  },
};
