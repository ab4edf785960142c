import { OptionError } from "../base/errors.ts";
import { z } from "zod";
import { compressiveKind, compressiveSchema } from "./compressive/kind.ts";
import { gatedDeltaNetKind, gatedDeltaNetSchema } from "./gated-deltanet/kind.ts";
import { infiniLayer } from "./infini/kind.ts";
import type { LayerMixer, MixerContext, MixerKind } from "./kind.ts";
import { mamba2Kind, mamba2Schema } from "./mamba2/kind.ts";
import { memorizingKind, memorizingSchema } from "./memorizing/kind.ts";
import { transformerXlKind, transformerXlSchema } from "./transformer-xl/kind.ts";
import { fullKind, fullSchema, windowKind, windowSchema } from "./window/kind.ts";

export type { LayerMixer, MixerContext } from "./kind.ts";

/** A mixer of all layers together, not of one; see recurrent-memory/stack.ts. */
const recurrentMemorySchema = z.strictObject({
  kind: z.literal("recurrent-memory"),
  /** Vectors that stand before and after each segment. */
  memoryTokens: z.int().positive(),
});

/** Every kind of layer by its name. To add one, create a folder with a `kind.ts`, and add an entry here. */
const kinds = {
  window: windowKind,
  full: fullKind,
  "transformer-xl": transformerXlKind,
  memorizing: memorizingKind,
  compressive: compressiveKind,
  mamba2: mamba2Kind,
  "gated-deltanet": gatedDeltaNetKind,
} as const;

export const mixerSchema = z.discriminatedUnion("kind", [
  windowSchema,
  fullSchema,
  transformerXlSchema,
  memorizingSchema,
  compressiveSchema,
  mamba2Schema,
  gatedDeltaNetSchema,
  recurrentMemorySchema,
]);
export type MixerOptions = z.output<typeof mixerSchema>;

/** Why a model cannot have a mixer; undefined when it can. */
export function mixerProblem(model: MixerContext, mixer: MixerOptions): string | undefined {
  try {
    for (let layer = 0; layer < model.numLayers; layer++) layerMixer({ ...model, mixer }, layer);
  } catch (error) {
    if (error instanceof OptionError) return error.message;
    throw error;
  }
}

/** What mixes the sequence in a layer, counted from 0. Throws OptionError when the model cannot have it. */
export function layerMixer(
  { mixer, ...model }: MixerContext & { readonly mixer?: MixerOptions | undefined },
  layer: number,
): LayerMixer {
  // Between its memory vectors, a Recurrent Memory Transformer is a plain one: Infini-attention without a memory.
  if (!mixer || mixer.kind === "recurrent-memory") return infiniLayer(model);
  const kind = kinds[mixer.kind] as MixerKind<z.ZodType<MixerOptions>>;
  return kind.layer(model, mixer, layer);
}
