import { z } from "zod";
import { infiniAttention } from "../attention/infini/mixer.ts";
import type { SequenceMixer } from "../attention/mixer.ts";
import type { InfiniConfig } from "../attention/infini/config.ts";

/** What a mixer may know of the model that it is part of. */
export type MixerContext = InfiniConfig & { readonly numLayers: number };

/** Something that takes the place of Infini-attention in all layers, or in some. */
interface MixerKind<Schema extends z.ZodType> {
  /** Strict, with `kind`. */
  readonly schema: Schema;
  /** Why a model cannot have it; undefined when it can. */
  problem?(model: MixerContext, options: z.output<Schema>): string | undefined;
  /** The mixer of a layer, counted from 0. */
  create(model: MixerContext, options: z.output<Schema>, layer: number): SequenceMixer;
}

const count = z.int().positive();

/** p vectors before and after each segment, through all layers: see recurrent-memory.ts. */
const recurrentMemorySchema = z.strictObject({
  kind: z.literal("recurrent-memory"),
  memoryTokens: count,
});

const kinds = {} as const satisfies Record<string, MixerKind<z.ZodType>>;

export const mixerSchema = z.discriminatedUnion("kind", [recurrentMemorySchema]);
export type MixerOptions = z.output<typeof mixerSchema>;

/** Why a model cannot have a mixer; undefined when it can. */
export function mixerProblem(_model: MixerContext, _options: MixerOptions): string | undefined {
  return undefined;
}

/** What mixes the sequence in one layer, counted from 0. */
export function createMixer(
  { mixer, ...model }: MixerContext & { readonly mixer?: MixerOptions },
  _layer: number,
): SequenceMixer {
  void kinds;
  if (mixer) throw new RangeError(mixer.kind);
  return infiniAttention(model);
}
