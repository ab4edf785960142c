import { z } from "zod";
import { FEATURE_MAPS, GATES, MEMORY_UPDATES, SHIFT_INITS, SHIFTS, WRITE_STRENGTHS } from "../mixers/infini/config.ts";
import { featureMaps } from "../mixers/infini/features.ts";
import { choosesWrites } from "../mixers/infini/memory.ts";
import { mixerProblem, mixerSchema } from "../mixers/registry.ts";
import { parseConfig } from "../base/parse-config.ts";

export { choosesWrites };

const size = z.int().positive();

const memorySchema = z
  .strictObject({
    /** `linear` and `delta` are the paper's; `token-delta` is the one that holds; `none` leaves local attention alone. */
    update: z.enum(MEMORY_UPDATES).default("token-delta"),
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
  .refine(({ shift, shiftInit }) => shiftInit !== "random" || shift === "convolution", {
    path: ["shiftInit"],
    error: "is of the taps of a convolution: the shift must be one",
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
    /** What takes the place of Infini-attention; see mixers.ts. */
    mixer: mixerSchema.optional(),
  })
  .refine(({ mixer, memory }) => !mixer || !memory || memory.update === "none", {
    path: ["memory"],
    error: "is that of Infini-attention: leave it out, or leave out mixer",
  })
  .refine(({ numHeads, numKeyValueHeads = numHeads }) => numHeads % numKeyValueHeads === 0, {
    path: ["numKeyValueHeads"],
    error: "must divide numHeads",
  })
  .transform(({ mixer, ...config }) => ({
    ...config,
    numKeyValueHeads: config.numKeyValueHeads ?? config.numHeads,
    memory: config.memory ?? memorySchema.parse(mixer ? { update: "none", shift: "none" } : {}),
    ...(mixer && { mixer }),
  }))
  .superRefine(({ mixer, ...config }, context) => {
    const problem = mixer && mixerProblem(config, mixer);
    if (problem !== undefined) context.addIssue({ code: "custom", path: ["mixer"], message: problem });
  });

export type ModelConfig = z.output<typeof modelConfigSchema>;
/** A model config in which what has a default may be left out. */
export type ModelConfigInput = z.input<typeof modelConfigSchema>;

/** A checked config with every default filled in. Throws ConfigError. */
export function parseModelConfig(value: unknown, source = "model config"): ModelConfig {
  return parseConfig(modelConfigSchema, value, source);
}
