import { parseModelConfig, type ModelConfig } from "../../../src/model/config.ts";
import { createModel, freshParams, type LoadedModel } from "../../../src/model/transformer.ts";
import { createRng } from "../../../src/base/random.ts";
import { parseRunConfig, type RunConfig } from "../../../src/train/config.ts";

/*
 * What is measured. The models have only the paper's linear memory, so that a peer in another framework
 * is a page of code. `quick` versions are tiny: they show that everything runs, but measure nothing.
 */

/** The models, by number of parameters. */
export const SIZES = ["3.28 M", "29 M"] as const;
export type Size = (typeof SIZES)[number];

const MODEL = {
  modelDim: 256,
  numLayers: 4,
  numHeads: 4,
  headDim: 64,
  feedForwardDim: 704,
  segmentLength: 256,
  memory: { update: "linear", shift: "none" },
} as const;
const MODELS = {
  "3.28 M": MODEL,
  "29 M": { ...MODEL, modelDim: 512, numLayers: 9, numHeads: 8, feedForwardDim: 1408 },
} as const;
const QUICK_MODEL = {
  ...MODEL,
  modelDim: 16,
  numLayers: 2,
  numHeads: 2,
  headDim: 8,
  feedForwardDim: 32,
  segmentLength: 8,
} as const;
const OPTIMIZER = { kind: "adamw", beta1: 0.9, beta2: 0.95, weightDecay: 0.1 } as const;

/** Segments of a training sequence; with two lanes a step has 4,096 tokens. */
const SEGMENTS = 8;
const BATCH = 2;

/** A model that the peers have too. */
export function benchModel(quick = false, size: Size = "3.28 M"): ModelConfig {
  return parseModelConfig(quick ? QUICK_MODEL : MODELS[size]);
}

/** A training step of it: batch 2, 8 segments of 256 tokens, AdamW. */
export function benchTraining(quick = false, size: Size = "3.28 M"): RunConfig {
  const model = quick ? QUICK_MODEL : MODELS[size];
  const length = SEGMENTS * model.segmentLength;
  return parseRunConfig({
    model,
    training: { steps: 1, batch: BATCH, length, optimizer: OPTIMIZER, learningRate: 1e-3, warmupSteps: 0 },
  });
}

/** Fresh weights, the same every time. */
export function withFreshWeights(config: ModelConfig): LoadedModel {
  const model = createModel(config);
  return { model, params: freshParams(model, createRng(1).fork("params")) };
}

/** Random tokens of a vocabulary, the same every time. */
export function benchTokens(count: number, vocabularySize = 256): Int32Array {
  const rng = createRng(1).fork("tokens");
  return Int32Array.from({ length: count }, () => rng.integer(vocabularySize));
}
