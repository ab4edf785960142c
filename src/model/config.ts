import { z } from "zod";
import { memorySchema } from "../mixers/infini/kind.ts";
import { choosesWrites } from "../mixers/infini/memory.ts";
import { layerMixerSchema, mixerSchema } from "../mixers/registry.ts";
import { parseConfig } from "../base/parse-config.ts";
import { layerProblems } from "./layers.ts";

export { choosesWrites };

const size = z.int().positive();

/** What one layer has in place of what all have. */
const layerSchema = z
  .strictObject({
    /** Something else than Infini-attention. */
    mixer: layerMixerSchema.optional(),
    /** Infini-attention with this memory, the whole of it: what is left out has its default. */
    memory: memorySchema.optional(),
  })
  .refine(({ mixer, memory }) => !mixer || !memory, {
    path: ["memory"],
    error: "is that of Infini-attention: leave it out, or leave out mixer",
  });

/** The shape of a model, as in its `config.json`. Unknown keys are refused. */
export const modelConfigSchema = z
  .strictObject({
    /** 256: the tokens are bytes. */
    vocabularySize: size.default(256),
    /** `bytes`, `gpt2`, or a Hugging Face `tokenizer.json` by its path, in a model folder beside the config. Default: `bytes`. */
    tokenizer: z.string().min(1).optional(),
    modelDim: size,
    numLayers: size,
    numHeads: size,
    /** Default: `numHeads`. */
    numKeyValueHeads: size.optional(),
    headDim: size.multipleOf(2),
    feedForwardDim: size,
    /** Tokens that attend to each other directly; everything before them is seen through the memory. */
    segmentLength: size,
    tieEmbeddings: z.boolean().default(true),
    ropeBase: z.number().positive().default(10_000),
    normEpsilon: z.number().positive().default(1e-6),
    /** Of Infini-attention, which is what mixes the sequence unless `mixer` says otherwise. */
    memory: memorySchema.optional(),
    /** What takes the place of Infini-attention; see mixers/registry.ts. */
    mixer: mixerSchema.optional(),
    /** For layers that differ: an entry for each, which takes the place of `memory` and `mixer`; `{}` leaves them. */
    layers: z.array(layerSchema).optional(),
  })
  .refine(({ mixer, memory }) => !mixer || !memory || memory.update === "none", {
    path: ["memory"],
    error: "is that of Infini-attention: leave it out, or leave out mixer",
  })
  .refine(({ numHeads, numKeyValueHeads = numHeads }) => numHeads % numKeyValueHeads === 0, {
    path: ["numKeyValueHeads"],
    error: "must divide numHeads",
  })
  .refine(({ layers, numLayers }) => !layers || layers.length === numLayers, {
    path: ["layers"],
    error: "must have an entry for each of the numLayers layers",
  })
  .refine(({ layers, mixer }) => !layers || mixer?.kind !== "recurrent-memory", {
    path: ["layers"],
    error: "must be left out with recurrent-memory, which is a mixer of all layers together",
  })
  .transform(({ mixer, ...config }) => ({
    ...config,
    numKeyValueHeads: config.numKeyValueHeads ?? config.numHeads,
    memory: config.memory ?? memorySchema.parse(mixer ? { update: "none", shift: "none" } : {}),
    ...(mixer && { mixer }),
  }))
  .superRefine((config, context) => {
    for (const problem of layerProblems(config)) context.addIssue({ code: "custom", ...problem });
  });

export type ModelConfig = z.output<typeof modelConfigSchema>;
/** A model config in which what has a default may be left out. */
export type ModelConfigInput = z.input<typeof modelConfigSchema>;

/** A checked config with every default filled in. Throws ConfigError. */
export function parseModelConfig(value: unknown, source = "model config"): ModelConfig {
  return parseConfig(modelConfigSchema, value, source);
}
