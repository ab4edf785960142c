import type { ModelConfigInput } from "./config.ts";

/** One of every kind of mixer, for segments of 4 tokens and heads in pairs. */
export const tinyMixers: readonly NonNullable<ModelConfigInput["mixer"]>[] = [
  { kind: "window", windowLength: 8, sinks: 1 },
  { kind: "full", contextLength: 12 },
  { kind: "transformer-xl" },
  { kind: "transformer-xl", cacheLength: 8, stopGradient: false },
  { kind: "memorizing", storeSize: 8, topK: 3 },
  { kind: "compressive", rate: 2 },
  { kind: "recurrent-memory", memoryTokens: 2 },
  { kind: "mamba2", headDim: 4, stateDim: 4 },
  { kind: "gated-deltanet" },
];

/** Windows, a memory of all heads, one of half of them, and a recurrent layer. */
export const mixedLayers: ModelConfigInput = {
  vocabularySize: 11,
  modelDim: 8,
  numLayers: 4,
  numHeads: 4,
  numKeyValueHeads: 2,
  headDim: 4,
  feedForwardDim: 12,
  segmentLength: 4,
  mixer: { kind: "window", windowLength: 8, sinks: 1 },
  layers: [{}, { memory: {} }, { memory: { heads: [1] } }, { mixer: { kind: "mamba2", headDim: 4, stateDim: 4 } }],
};
