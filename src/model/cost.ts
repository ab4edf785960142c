import { bytesOf, type FloatTensor } from "../graph/host-tensor.ts";
import { flatten } from "../graph/tree.ts";
import { featureMaps } from "../attention/infini/features.ts";
import { choosesWrites, memoryRules } from "../attention/infini/memory.ts";
import { CONVOLUTION_TAPS } from "../attention/infini/params.ts";
import type { Rng } from "../random.ts";
import type { ModelConfig } from "./config.ts";
import { createModel } from "./transformer.ts";

/** Number of weights of a model. */
export function parameterCount(config: ModelConfig): number {
  if (config.mixer) return countWeights(config);
  const {
    vocabularySize: V,
    modelDim: D,
    numLayers,
    feedForwardDim: F,
    numHeads,
    numKeyValueHeads: K,
    headDim: d,
    memory,
  } = config;
  const projections = 2 * D * numHeads * d + 2 * D * K * d;
  const shift = { none: 0, token: 3 * D, convolution: 3 * CONVOLUTION_TAPS * D }[memory.shift];
  const block = projections + shift + memoryParameters(config) + 3 * D * F + 2 * D;
  return V * D * (config.tieEmbeddings ? 1 : 2) + numLayers * block + D;
}

/** Counted, not computed: what takes the place of Infini-attention has weights of its own. */
function countWeights(config: ModelConfig): number {
  const zeros: Rng = { uniform: () => 0, integer: () => 0, normal: () => 0, fork: () => zeros };
  const weights = Object.values(flatten<FloatTensor>(createModel(config).initParams(zeros)));
  return weights.reduce((sum, { data }) => sum + data.length, 0);
}

/** Weights of one layer's memory: gates, strengths, the temperature of its features and the norm on its reads. */
function memoryParameters({ modelDim: D, numHeads: H, numKeyValueHeads: K, headDim: d, memory }: ModelConfig): number {
  if (memory.update === "none") return 0;
  const choices = memoryRules[memory.update].chooses.length;
  const gate = memory.gate === "token" ? (D + 1) * H : H;
  const temperature = featureMaps[memory.featureMap].tempered ? K : 0;
  return gate + temperature + choices * (D + H * d + 1) * K + (choices > 0 ? d : 0);
}

/** Bytes that a stream keeps between tokens: memories, the open segment and what is shifted in. Constant. */
export function stateBytes(config: ModelConfig, batch = 1): number {
  const model = createModel(config);
  const leaves = [model.initialState(batch), model.emptySegment(batch)].flatMap((tree) =>
    Object.values(flatten<FloatTensor>(tree)),
  );
  return leaves.reduce((sum, { shape }) => sum + bytesOf(shape), 0);
}

/** Bytes of a key/value cache of full attention over this many tokens, in float32. */
export function keyValueCacheBytes({ numLayers, numKeyValueHeads, headDim }: ModelConfig, tokens: number): number {
  return bytesOf([numLayers, 2, numKeyValueHeads, headDim, tokens]);
}

/**
 * Floating-point operations of matrix products in the forward pass of one token; a training step takes three
 * times as many. Counts a multiplication and an addition as two.
 */
export function forwardFlops(config: ModelConfig): number {
  const {
    vocabularySize: V,
    modelDim: D,
    numLayers,
    feedForwardDim: F,
    numHeads: H,
    numKeyValueHeads: K,
    headDim: d,
    segmentLength: N,
    memory,
  } = config;
  const weights = 2 * D * H * d + 2 * D * K * d + 3 * D * F;
  const local = 2 * H * N * (memory.cache ? 2 : 1) * d; // Q K^T and the weighted sum of V, as computed: the whole square
  const remember = memory.update === "none" ? 0 : memoryFlops(config, featureMaps[memory.featureMap].dim(d));
  return 2 * (V * D + numLayers * (weights + local + remember));
}

/** Multiplications of one token's read and write, for features of size f. */
function memoryFlops(
  { numHeads: H, numKeyValueHeads: K, headDim: d, segmentLength: N, memory }: ModelConfig,
  f: number,
): number {
  const read = H * f * d;
  const write = K * f * d;
  if (memory.update === "linear") return read + write;
  const difference = K * f * (f + (f * d) / N); // P of the scan, and its product with M, once for each segment
  if (!choosesWrites(memory.update)) return read + write + difference;
  return read + write + difference + K * N * (2 * f + 2 * N * Math.max(0, Math.log2(N) - 1));
}

/** Memory of one architecture by the formula of the paper's table 1. */
export interface MemoryFootprint {
  readonly architecture: string;
  /** Numbers kept between segments. */
  readonly entries: number;
  /** Tokens that can be reached, as the table writes it. */
  readonly contextLength: string;
}

/** Settings that table 2 of the paper takes for the architectures beside its own. */
export interface FootprintOptions {
  /** Entries of the store of Memorizing Transformers. Default 65,000. */
  readonly storeSize?: number;
  /** Memory vectors of the Recurrent Memory Transformer, soft-prompt vectors of AutoCompressors. Default 100. */
  readonly promptVectors?: number;
  /** Compressed memory of the Compressive Transformer, in vectors. Default: the segment length. */
  readonly compressedLength?: number;
  /** Segments that AutoCompressors have seen. Default 16. */
  readonly segments?: number;
}

/** Table 1 of the paper for a config; for `paper-lm` the memory sizes of its table 2. */
export function memoryFootprints(config: ModelConfig, options: FootprintOptions = {}): MemoryFootprint[] {
  const { modelDim: D, numLayers: l, numHeads: H, headDim: d, segmentLength: N } = config;
  const { storeSize = 65_000, promptVectors: p = 100, compressedLength: c = N, segments: m = 16 } = options;
  const cache = 2 * d * H * N * l;
  return [
    { architecture: "Transformer-XL", entries: cache, contextLength: "N*l" },
    { architecture: "Compressive Transformer", entries: D * (c + N) * l, contextLength: "(c*r+N)*l" },
    // The paper's 183 M is the cache of every layer and one layer's store.
    { architecture: "Memorizing Transformers", entries: cache + 2 * d * H * storeSize, contextLength: "N*S" },
    { architecture: "Recurrent Memory Transformer", entries: D * p * l * 2, contextLength: "N*S" },
    { architecture: "AutoCompressors", entries: D * p * (m + 1) * l, contextLength: "N*S" },
    { architecture: "Infini-Transformer", entries: d * (d + 1) * H * l, contextLength: "N*S" },
  ];
}
