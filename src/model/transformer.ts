import { infiniAttention } from "../attention/infini/mixer.ts";
import type { ChunkPlace, MixerResult, SequenceMixer } from "../attention/mixer.ts";
import {
  add,
  concat,
  constant,
  crossEntropy,
  equal,
  gather,
  matmul,
  matrixTranspose,
  mul,
  reshape,
  rmsNorm,
  sum,
  where,
} from "../graph/builder.ts";
import { filled, intTensor, type FloatTensor } from "../graph/host-tensor.ts";
import type { Tensor } from "../graph/tensor.ts";
import { mapTree, type Tree } from "../graph/tree.ts";
import { feedForward, initFeedForward, type FeedForwardParams } from "../nn/feed-forward.ts";
import { normal, weight } from "../nn/init.ts";
import type { Rng } from "../random.ts";
import type { ModelConfig } from "./config.ts";

/** Weights of a whole model. Layers are numbered from "0". */
export type ModelParams<T> = {
  readonly embedding: T; // [V, D]
  readonly blocks: { readonly [layer: string]: BlockParams<T> };
  readonly finalNorm: T; // [D]
  /** Absent when the embedding serves as head too. */
  readonly head?: T; // [D, V]
};

export type BlockParams<T> = {
  readonly attentionNorm: T; // [D]
  readonly attention: Tree<T>;
  readonly feedForwardNorm: T; // [D]
  readonly feedForward: FeedForwardParams<T>;
};

/** States or open segments of all layers. */
export type LayerStates<T> = { readonly [layer: string]: Tree<T> };

/** A language model as pure functions over symbolic tensors; tokens are int32 [B, T]. */
export interface Model {
  readonly config: ModelConfig;
  initParams(rng: Rng): ModelParams<FloatTensor>;
  initialState(batch: number): LayerStates<FloatTensor>;
  emptySegment(batch: number): LayerStates<FloatTensor>;
  /** Whole segments: hidden states [B, T, D] after the final norm, and the state after them. */
  apply(params: ModelParams<Tensor>, tokens: Tensor, state: LayerStates<Tensor>): ModelResult;
  /** Part of one segment; see {@link SequenceMixer.extend}. */
  extend(
    params: ModelParams<Tensor>,
    tokens: Tensor,
    open: OpenLayers,
    place: ChunkPlace,
  ): { hidden: Tensor } & OpenLayers;
  /** Closes the open segment; see {@link SequenceMixer.commit}. */
  commit(params: ModelParams<Tensor>, open: OpenLayers): LayerStates<Tensor>;
  /** Logits [.., V] of the token after each hidden state [.., D]. */
  logits(params: ModelParams<Tensor>, hidden: Tensor): Tensor;
}

export interface ModelResult {
  readonly hidden: Tensor;
  readonly state: LayerStates<Tensor>;
  /** See {@link MixerResult.writeWish}; of all layers [B, T, choices]. */
  readonly writeWish?: Tensor;
  /** See {@link MixerResult.auxiliary}; the sum over all layers. */
  readonly auxiliary?: Tensor;
}

/** A model and its weights. */
export interface LoadedModel {
  readonly model: Model;
  readonly params: ModelParams<FloatTensor>;
}

export interface OpenLayers {
  readonly state: LayerStates<Tensor>;
  readonly segment: LayerStates<Tensor>;
}

/** Standard deviation of fresh embeddings. */
const EMBEDDING_DEVIATION = 0.02;

/** A pre-norm transformer: RMSNorm, a sequence mixer, RMSNorm, SwiGLU. */
export function createModel(config: ModelConfig): Model {
  const mixer = infiniAttention(config);
  const layers = Array.from({ length: config.numLayers }, (_, layer) => String(layer));
  const perLayer = <T>(make: (layer: string) => T): { [layer: string]: T } =>
    Object.fromEntries(layers.map((layer) => [layer, make(layer)]));
  const embed = (params: ModelParams<Tensor>, tokens: Tensor): Tensor => gather(params.embedding, tokens);

  return {
    config,
    initParams: (rng) => initParams(config, mixer, perLayer, rng),
    initialState: (batch) => perLayer(() => mixer.initialState(batch)),
    emptySegment: (batch) => perLayer(() => mixer.emptySegment(batch)),

    apply(params, tokens, states) {
      let x = embed(params, tokens);
      const [wishes, auxiliaries]: [Tensor[], Tensor[]] = [[], []];
      const state = perLayer((layer) => {
        const result = runBlock(config, at(params.blocks, layer), x, (attention, h) =>
          mixer.apply(attention, h, at(states, layer)),
        );
        x = result.y;
        if (result.writeWish) wishes.push(result.writeWish);
        if (result.auxiliary) auxiliaries.push(result.auxiliary);
        return result.state;
      });
      return {
        hidden: rmsNorm(x, params.finalNorm, config.normEpsilon),
        state,
        ...(wishes.length > 0 && { writeWish: concat(wishes, -1) }),
        ...(auxiliaries.length > 0 && { auxiliary: auxiliaries.reduce((total, loss) => add(total, loss)) }),
      };
    },

    extend(params, tokens, open, place) {
      let x = embed(params, tokens);
      const results = perLayer((layer) => {
        const before = { state: at(open.state, layer), segment: at(open.segment, layer) };
        const result = runBlock(config, at(params.blocks, layer), x, (attention, h) =>
          mixer.extend(attention, h, before, place),
        );
        x = result.y;
        return result;
      });
      return {
        hidden: rmsNorm(x, params.finalNorm, config.normEpsilon),
        state: perLayer((layer) => at(results, layer).state),
        segment: perLayer((layer) => at(results, layer).segment),
      };
    },

    commit: (params, { state, segment }) =>
      perLayer((layer) =>
        mixer.commit(at(params.blocks, layer).attention, { state: at(state, layer), segment: at(segment, layer) }),
      ),

    logits: ({ head, embedding }, hidden) => matmul(hidden, head ?? matrixTranspose(embedding)),
  };
}

/** The states with zeros, an empty past, in lanes whose flag (int32 [B]) is 1. */
export function resetLanes(states: LayerStates<Tensor>, startOfSequence: Tensor): LayerStates<Tensor> {
  const one = constant(intTensor([], Int32Array.of(1)));
  const starts = equal(startOfSequence, one); // [B]
  return mapTree(states, (leaf) => {
    const state = leaf as Tensor;
    return where(
      reshape(
        starts,
        [...state.shape.keys()].map((axis) => (axis === 0 ? (state.shape[0] ?? 1) : 1)),
      ),
      0,
      state,
    );
  });
}

/** Sum over tokens of weight * cross-entropy, in nats: targets int32 and weights, both [B, T]. */
export function weightedLoss(logits: Tensor, targets: Tensor, weights: Tensor): Tensor {
  return sum(mul(crossEntropy(logits, targets), weights));
}

// --- internal ---

function initParams(
  config: ModelConfig,
  mixer: SequenceMixer,
  perLayer: <T>(make: (layer: string) => T) => { [layer: string]: T },
  rng: Rng,
): ModelParams<FloatTensor> {
  const { vocabularySize, modelDim, feedForwardDim, numLayers, tieEmbeddings } = config;
  // Two additions per layer feed the residual stream; this keeps their sum at the size of one.
  const outputGain = 1 / Math.sqrt(2 * numLayers);
  const ones = (): FloatTensor => filled([modelDim], 1);
  return {
    embedding: normal([vocabularySize, modelDim], EMBEDDING_DEVIATION, rng.fork("embedding")),
    blocks: perLayer((layer) => ({
      attentionNorm: ones(),
      attention: mixer.initParams(rng.fork(`attention ${layer}`), outputGain),
      feedForwardNorm: ones(),
      feedForward: initFeedForward(modelDim, feedForwardDim, rng.fork(`feed-forward ${layer}`), outputGain),
    })),
    finalNorm: ones(),
    ...(tieEmbeddings ? {} : { head: weight(modelDim, vocabularySize, rng.fork("head")) }),
  };
}

function runBlock<Result extends MixerResult>(
  { normEpsilon }: ModelConfig,
  params: BlockParams<Tensor>,
  x: Tensor,
  mix: (attention: Tree<Tensor>, h: Tensor) => Result,
): Result {
  const mixed = mix(params.attention, rmsNorm(x, params.attentionNorm, normEpsilon));
  const afterMixer = add(x, mixed.y);
  const h = rmsNorm(afterMixer, params.feedForwardNorm, normEpsilon);
  return { ...mixed, y: add(afterMixer, feedForward(params.feedForward, h)) };
}

function at<T>(layers: { readonly [layer: string]: T }, layer: string): T {
  const value = layers[layer];
  if (value === undefined) throw new RangeError(`there is no layer ${layer}`);
  return value;
}
