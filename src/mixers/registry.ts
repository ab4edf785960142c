import { z } from "zod";
import { compressiveKind, compressiveSchema } from "./compressive/kind.ts";
import { gatedDeltaNetKind, gatedDeltaNetSchema } from "./gated-deltanet/kind.ts";
import { infiniKind, type infiniSchema } from "./infini/kind.ts";
import type { LayerMixer, MixerContext, MixerKind } from "./kind.ts";
import { mamba2Kind, mamba2Schema } from "./mamba2/kind.ts";
import { memorizingKind, memorizingLayerSchema, memorizingSchema } from "./memorizing/kind.ts";
import { transformerXlKind, transformerXlSchema } from "./transformer-xl/kind.ts";
import { fullKind, fullSchema, windowKind, windowSchema } from "./window/kind.ts";

export type { LayerMixer, MixerContext } from "./kind.ts";

/** A mixer of all layers together, not of one; see recurrent-memory/stack.ts. */
const recurrentMemorySchema = z.strictObject({
  kind: z.literal("recurrent-memory"),
  /** Vectors that stand before and after each segment. */
  memoryTokens: z.int().positive(),
});

/** Every kind of layer by its name. A new one is a folder of its own with its `kind.ts`, and an entry here and in `schemas`. */
const kinds = {
  infini: infiniKind,
  window: windowKind,
  full: fullKind,
  "transformer-xl": transformerXlKind,
  memorizing: memorizingKind,
  compressive: compressiveKind,
  mamba2: mamba2Kind,
  "gated-deltanet": gatedDeltaNetKind,
} as const;

/** Those that say the same of one layer and of all; Infini-attention is what there is without a mixer. */
const schemas = [
  windowSchema,
  fullSchema,
  transformerXlSchema,
  compressiveSchema,
  mamba2Schema,
  gatedDeltaNetSchema,
] as const;

/** What takes the place of Infini-attention in a whole model. */
export const mixerSchema = z.discriminatedUnion("kind", [...schemas, memorizingSchema, recurrentMemorySchema]);
export type MixerOptions = z.output<typeof mixerSchema>;

/** What takes its place in one layer. */
export const layerMixerSchema = z.discriminatedUnion("kind", [...schemas, memorizingLayerSchema]);

/** What mixes the sequence in one layer. */
export type LayerConfig = z.output<typeof layerMixerSchema> | z.output<typeof infiniSchema>;

/** The mixer of a layer. Throws OptionError when the model cannot have it. */
export function layerMixer(model: MixerContext, layer: LayerConfig): LayerMixer {
  const kind = kinds[layer.kind] as MixerKind<z.ZodType<LayerConfig>>;
  return kind.layer(model, layer);
}
