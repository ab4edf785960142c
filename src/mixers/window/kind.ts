import { z } from "zod";
import type { MixerKind } from "../kind.ts";
import type { LayerMixer, MixerContext } from "../kind.ts";
import { windowMultiplications } from "./cost.ts";
import { windowAttention } from "./mixer.ts";

const count = z.int().positive();

export const windowSchema = z.strictObject({
  kind: z.literal("window"),
  /** Tokens visible to a token: itself and those just before it. */
  windowLength: count,
  /** First tokens of the text that every token sees. */
  sinks: z.int().nonnegative().default(0),
});
export const windowKind: MixerKind<typeof windowSchema> = {
  schema: windowSchema,
  layer: (model, { windowLength, sinks }) => windowLayer(model, windowLength, sinks),
};

export const fullSchema = z.strictObject({
  kind: z.literal("full"),
  /** Longest text; later tokens see this many before them. */
  contextLength: count,
});
export const fullKind: MixerKind<typeof fullSchema> = {
  schema: fullSchema,
  layer: (model, { contextLength }) => windowLayer(model, contextLength, 0),
};

// --- internal ---

function windowLayer(model: MixerContext, windowLength: number, sinks: number): LayerMixer {
  const config = { ...model, windowLength, sinks };
  return {
    mixer: windowAttention(config),
    multiplications: windowMultiplications(config),
  };
}
