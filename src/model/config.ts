import { z } from "zod";
import { MEMORY_UPDATES, WRITE_STRENGTHS } from "../attention/infini/config.ts";
import { parseConfig } from "./parse-config.ts";

const size = z.int().positive();

const memorySchema = z.strictObject({
  /** `linear` and `delta` are the paper's; `token-delta` is the one that holds. */
  update: z.enum(MEMORY_UPDATES).default("token-delta"),
  gateInit: z.number().min(-8).max(8).default(0),
  tokenShift: z.boolean().default(true),
  /** With `token-delta` only. */
  writeStrength: z.enum(WRITE_STRENGTHS).default("hard-sigmoid"),
});

/** The shape of a model, as in its `config.json`. Unknown keys are refused. */
export const modelConfigSchema = z
  .strictObject({
    /** 256: the tokens are bytes. */
    vocabularySize: size.default(256),
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
    memory: memorySchema.prefault({}),
  })
  .refine(({ numHeads, numKeyValueHeads = numHeads }) => numHeads % numKeyValueHeads === 0, {
    path: ["numKeyValueHeads"],
    error: "must divide numHeads",
  })
  .transform((config) => ({ ...config, numKeyValueHeads: config.numKeyValueHeads ?? config.numHeads }));

export type ModelConfig = z.output<typeof modelConfigSchema>;
/** A model config in which what has a default may be left out. */
export type ModelConfigInput = z.input<typeof modelConfigSchema>;

/** A checked config with every default filled in. Throws ConfigError. */
export function parseModelConfig(value: unknown, source = "model config"): ModelConfig {
  return parseConfig(modelConfigSchema, value, source);
}
