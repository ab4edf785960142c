import type { RunConfigInput } from "./config.ts";

const adafactor = { kind: "adafactor" } as const;

/** Ready-made runs by name. Sizes fit a CPU up to `small`; `paper-lm` is the language model of the paper. */
export const presets = {
  /** About a minute on two cores: learns to spell. */
  nano: {
    model: { modelDim: 64, numLayers: 2, numHeads: 2, headDim: 32, feedForwardDim: 176, segmentLength: 32 },
    training: { steps: 2000, batch: 8, length: 256, learningRate: 4e-3, warmupSteps: 50, checkpointEvery: 100 },
  },
  tiny: {
    model: { modelDim: 128, numLayers: 2, numHeads: 2, headDim: 64, feedForwardDim: 256, segmentLength: 64 },
    training: { steps: 3000, batch: 4, length: 1024 },
  },
  small: {
    model: { modelDim: 256, numLayers: 4, numHeads: 4, headDim: 64, feedForwardDim: 704, segmentLength: 256 },
    training: { steps: 10_000, batch: 2, length: 2048, learningRate: 2e-3, warmupSteps: 500 },
  },
  base: {
    model: { modelDim: 512, numLayers: 8, numHeads: 8, headDim: 64, feedForwardDim: 1408, segmentLength: 512 },
    training: { steps: 50_000, batch: 4, length: 8192, learningRate: 1e-3, warmupSteps: 1000, mode: "rematerialized" },
  },
  /**
   * Section 3.1 of arXiv 2404.07143: 12 layers, 8 heads of 128, FFN 4096, N 2048, sequences of 32,768, batch
   * 64, Adafactor at 0.01 with 1,000 warm-up steps and a cosine. The paper names neither the number of steps
   * nor the vocabulary; its model dimension follows from the memory of its RMT baseline.
   */
  "paper-lm": {
    model: {
      vocabularySize: 32_000,
      modelDim: 1024,
      numLayers: 12,
      numHeads: 8,
      headDim: 128,
      feedForwardDim: 4096,
      segmentLength: 2048,
      memory: { update: "linear", shift: "none" },
    },
    training: {
      steps: 100_000,
      batch: 1,
      accumulate: 64,
      length: 32_768,
      mode: "rematerialized",
      optimizer: adafactor,
      learningRate: 0.01,
      warmupSteps: 1000,
      finalLearningRate: 0,
    },
  },
} as const satisfies Readonly<Record<string, RunConfigInput>>;

export type PresetName = keyof typeof presets;
