import type { z } from "zod";
import type { SequenceMixer } from "./contract.ts";
import type { HeadsConfig } from "./shared/projections.ts";

/** What a mixer may know about the model that it is part of. */
export interface MixerContext extends HeadsConfig {
  readonly numLayers: number;
  readonly normEpsilon: number;
}

/** What mixes the sequence in one layer, and what it costs. */
export interface LayerMixer {
  readonly mixer: SequenceMixer;
  /** Multiplications of matrix products for one token, forward. */
  readonly multiplications: number;
}

/** A way to mix the sequence in a layer. */
export interface MixerKind<Schema extends z.ZodType> {
  /** Strict, with `kind`. */
  readonly schema: Schema;
  /** The mixer of a layer. Throws OptionError, naming the key, when the model cannot have it. */
  layer(model: MixerContext, options: z.output<Schema>): LayerMixer;
}
