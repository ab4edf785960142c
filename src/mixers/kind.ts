import type { z } from "zod";
import type { SequenceMixer } from "./contract.ts";
import type { InfiniConfig } from "./infini/config.ts";

/** What a mixer may know about the model that it is part of. */
export interface MixerContext extends InfiniConfig {
  readonly numLayers: number;
}

/** What mixes the sequence in one layer, and what it costs. */
export interface LayerMixer {
  readonly mixer: SequenceMixer;
  /** Multiplications of matrix products for one token, forward. */
  readonly multiplications: number;
}

/** A replacement for Infini-attention. */
export interface MixerKind<Schema extends z.ZodType> {
  /** Strict, with `kind`. */
  readonly schema: Schema;
  /** The mixer of a layer, counted from 0. Throws OptionError, naming the key, when the model cannot have it. */
  layer(model: MixerContext, options: z.output<Schema>, layer: number): LayerMixer;
}
