import { OptionError } from "../base/errors.ts";
import { z } from "zod";
import { compressiveMultiplications } from "./compressive/cost.ts";
import { compressiveAttention } from "./compressive/mixer.ts";
import { gatedDeltaNetMultiplications } from "./gated-deltanet/cost.ts";
import { gatedDeltaNet } from "./gated-deltanet/mixer.ts";
import type { InfiniConfig } from "./infini/config.ts";
import { infiniMultiplications } from "./infini/cost.ts";
import { infiniAttention } from "./infini/mixer.ts";
import { mamba2Multiplications } from "./mamba2/cost.ts";
import { mamba2 } from "./mamba2/mixer.ts";
import { memorizingMultiplications } from "./memorizing/cost.ts";
import { memorizingAttention } from "./memorizing/mixer.ts";
import type { SequenceMixer } from "./contract.ts";
import { transformerXlMultiplications } from "./transformer-xl/cost.ts";
import { transformerXl } from "./transformer-xl/mixer.ts";
import { windowMultiplications } from "./window/cost.ts";
import { windowAttention } from "./window/mixer.ts";

/** What a mixer may know of the model that it is part of. */
export interface MixerContext extends InfiniConfig {
  readonly numLayers: number;
}

/** What mixes the sequence in one layer, and what it costs. */
export interface LayerMixer {
  readonly mixer: SequenceMixer;
  /** Multiplications of matrix products for one token, forward. */
  readonly multiplications: number;
}

/** Something that takes the place of Infini-attention. */
interface MixerKind<Schema extends z.ZodType> {
  /** Strict, with `kind`. */
  readonly schema: Schema;
  /** The mixer of a layer, counted from 0. Throws OptionError, naming the key, when the model cannot have it. */
  layer(model: MixerContext, options: z.output<Schema>, layer: number): LayerMixer;
}

const count = z.int().positive();

const windowSchema = z.strictObject({
  kind: z.literal("window"),
  /** Tokens that a token sees: itself and those just before it. */
  windowLength: count,
  /** First tokens of the text that every token sees. */
  sinks: z.int().nonnegative().default(0),
});
const window: MixerKind<typeof windowSchema> = {
  schema: windowSchema,
  layer: (model, { windowLength, sinks }) => windowLayer(model, windowLength, sinks),
};

const fullSchema = z.strictObject({
  kind: z.literal("full"),
  /** Longest text; later tokens see so many before them. */
  contextLength: count,
});
const full: MixerKind<typeof fullSchema> = {
  schema: fullSchema,
  layer: (model, { contextLength }) => windowLayer(model, contextLength, 0),
};

const transformerXlSchema = z.strictObject({
  kind: z.literal("transformer-xl"),
  /** Default: one segment. */
  cacheLength: count.optional(),
  stopGradient: z.boolean().default(true),
});
const transformerXlKind: MixerKind<typeof transformerXlSchema> = {
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

const memorizingSchema = z.strictObject({
  kind: z.literal("memorizing"),
  /** Pairs that each head stores, in one layer; a multiple of the segment length. */
  storeSize: count,
  /** Stored pairs that each query retrieves. */
  topK: count.default(32),
  /** The layer with the store, counted from 0. Default: three quarters up, the 9th of 12 as in the paper. */
  memoryLayer: z.int().nonnegative().optional(),
  scaleInit: z.number().positive().default(8),
});
/** One layer has the store; the others see their segment and the one before it. */
const memorizing: MixerKind<typeof memorizingSchema> = {
  schema: memorizingSchema,
  layer(model, { memoryLayer = Math.max(0, Math.round(0.75 * model.numLayers) - 1), ...options }, layer) {
    if (memoryLayer >= model.numLayers)
      throw new OptionError(`memoryLayer ${memoryLayer} is none of the ${model.numLayers} layers`);
    if (layer !== memoryLayer)
      return infiniLayer({ ...model, memory: { ...model.memory, update: "none", shift: "none", cache: true } });
    const config = { ...model, ...options };
    return {
      mixer: memorizingAttention(config),
      multiplications: memorizingMultiplications(config),
    };
  },
};

const compressiveSchema = z.strictObject({
  kind: z.literal("compressive"),
  /** Layer inputs kept as they are. Default: one segment. */
  memoryLength: count.optional(),
  /** Compressed vectors kept. Default: one segment. */
  compressedLength: count.optional(),
  /** Vectors that become one. */
  rate: count.default(4),
});
const compressive: MixerKind<typeof compressiveSchema> = {
  schema: compressiveSchema,
  layer(model, { memoryLength = model.segmentLength, compressedLength = model.segmentLength, rate }) {
    const config = { ...model, memoryLength, compressedLength, rate };
    return {
      mixer: compressiveAttention(config),
      multiplications: compressiveMultiplications(config),
    };
  },
};

const mamba2Schema = z.strictObject({
  kind: z.literal("mamba2"),
  expand: z.number().positive().default(2),
  /** Size of a head. */
  headDim: count.default(64),
  /** Rows of each head's state. */
  stateDim: count.default(128),
});
const mamba2Kind: MixerKind<typeof mamba2Schema> = {
  schema: mamba2Schema,
  layer({ modelDim, segmentLength, normEpsilon }, { expand, headDim, stateDim }) {
    const config = { modelDim, segmentLength, normEpsilon, expand, headDim, stateDim };
    return {
      mixer: mamba2(config),
      multiplications: mamba2Multiplications(config),
    };
  },
};

const gatedDeltaNetSchema = z.strictObject({ kind: z.literal("gated-deltanet") });
const gatedDeltaNetKind: MixerKind<typeof gatedDeltaNetSchema> = {
  schema: gatedDeltaNetSchema,
  layer: (model) => ({
    mixer: gatedDeltaNet(model),
    multiplications: gatedDeltaNetMultiplications(model),
  }),
};

/** Not a mixer of one layer but of all together; see recurrent-memory/stack.ts. */
const recurrentMemorySchema = z.strictObject({
  kind: z.literal("recurrent-memory"),
  /** Vectors that stand before and after each segment. */
  memoryTokens: count,
});

/** Every kind of layer by its name. A new one is a folder of its own under attention/ and an entry here. */
const kinds = {
  window,
  full,
  "transformer-xl": transformerXlKind,
  memorizing,
  compressive,
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

// --- internal ---

function infiniLayer(model: InfiniConfig): LayerMixer {
  return {
    mixer: infiniAttention(model),
    multiplications: infiniMultiplications(model),
  };
}

function windowLayer(model: MixerContext, windowLength: number, sinks: number): LayerMixer {
  const config = { ...model, windowLength, sinks };
  return {
    mixer: windowAttention(config),
    multiplications: windowMultiplications(config),
  };
}
