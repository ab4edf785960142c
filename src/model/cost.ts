import { bytesOf, type FloatTensor } from "../tensor/host-tensor.ts";
import { flatten } from "../tensor/tree.ts";
import type { ModelConfig } from "./config.ts";
import { layerMixer } from "../mixers/registry.ts";
import { countOf } from "../nn/spec.ts";
import { layersOf } from "./layers.ts";
import { createModel } from "./transformer.ts";

/** Number of weights of a model. */
export function parameterCount(config: ModelConfig): number {
  return countOf(createModel(config).specs);
}

/** Bytes that a stream keeps between tokens: memories, the open segment and what is shifted in. Constant. */
export function stateBytes(config: ModelConfig, batch = 1): number {
  const model = createModel(config);
  const leaves = [model.initialState(batch), model.emptySegment(batch)].flatMap((tree) =>
    Object.values(flatten<FloatTensor>(tree)),
  );
  return sum(leaves.map(({ shape }) => bytesOf(shape)));
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
  const { vocabularySize: V, modelDim: D, feedForwardDim: F, segmentLength: N, mixer } = config;
  const blocks = sum(layersOf(config).map((layer) => layerMixer(config, layer).multiplications + 3 * D * F));
  // Memory vectors go through all layers with each segment, twice.
  const rows = mixer?.kind === "recurrent-memory" ? 1 + (2 * mixer.memoryTokens) / N : 1;
  return 2 * (V * D + rows * blocks);
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

// --- internal ---

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
