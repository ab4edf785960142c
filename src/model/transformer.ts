import type { ChunkPlace, SequenceMixer } from "../mixers/contract.ts";
import { commitLanes, replaceLanes } from "../mixers/shared/lanes.ts";
import { gather, linearCrossEntropy, matmul, matrixTranspose } from "../graph/builder.ts";
import type { FloatTensor } from "../tensor/host-tensor.ts";
import type { Tensor } from "../graph/tensor.ts";
import { normal, weight } from "../nn/init.ts";
import type { Rng } from "../base/random.ts";
import type { ModelConfig } from "./config.ts";
import { recurrentMemoryStack } from "./recurrent-memory/stack.ts";
import { layerStack, type LayerStates, type StackParams } from "./stack.ts";

export type { BlockParams, LayerStates } from "./stack.ts";

/** Weights of a whole model; see {@link layerStack} for what lies between embedding and head. */
export type ModelParams<T> = StackParams<T> & {
  readonly embedding: T; // [V, D]
  /** Absent when the embedding serves as head too. */
  readonly head?: T; // [D, V]
};

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
  ): { hidden: Tensor; state: LayerStates<Tensor>; rows: LayerStates<Tensor> };
  /** The state after the open segment, which is full in all lanes; see {@link SequenceMixer.commit}. */
  commit(params: ModelParams<Tensor>, open: OpenLayers): LayerStates<Tensor>;
  /** Ends the open segment in the lanes whose flag (int32 [B]) is 1, where it must be full; the others stay as they are. */
  commitSome(params: ModelParams<Tensor>, open: OpenLayers, isFull: Tensor): OpenLayers;
  /** Logits [.., V] of the token after each hidden state [.., D]. */
  logits(params: ModelParams<Tensor>, hidden: Tensor): Tensor;
  /** Cross-entropy [..] of targets int32 [..] in nats, from hidden states [.., D]: what {@link logits} give, without all of them in memory. */
  losses(params: ModelParams<Tensor>, hidden: Tensor, targets: Tensor): Tensor;
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

/** A language model: embedding, a stack of layers, and a head. */
export function createModel(config: ModelConfig): Model {
  const stack = createStack(config);
  const embed = (params: ModelParams<Tensor>, tokens: Tensor): Tensor => gather(params.embedding, tokens);
  return {
    config,
    initParams: (rng) => initParams(config, stack, rng),
    initialState: (batch) => stack.initialState(batch) as LayerStates<FloatTensor>,
    emptySegment: (batch) => stack.emptySegment(batch) as LayerStates<FloatTensor>,
    apply(params, tokens, states) {
      const { y, state, ...costs } = stack.apply(params, embed(params, tokens), states);
      return { hidden: y, state: state as LayerStates<Tensor>, ...costs };
    },
    extend(params, tokens, open, place) {
      const { y, state, rows } = stack.extend(params, embed(params, tokens), open, place);
      return { hidden: y, state: state as LayerStates<Tensor>, rows: rows as LayerStates<Tensor> };
    },
    commit: (params, open) => stack.commit(params, open) as LayerStates<Tensor>,
    commitSome: (params, open, isFull) => commitLanes(stack, params, open, isFull) as OpenLayers,
    logits: ({ head, embedding }, hidden) => matmul(hidden, head ?? matrixTranspose(embedding)),
    losses: ({ head, embedding }, hidden, targets) =>
      linearCrossEntropy(hidden, head ? matrixTranspose(head) : embedding, targets),
  };
}

/** The states with zeros, an empty past, in lanes whose flag (int32 [B]) is 1. */
export function resetLanes(states: LayerStates<Tensor>, startOfSequence: Tensor): LayerStates<Tensor> {
  return replaceLanes(startOfSequence, states, () => 0);
}

// --- internal ---

function createStack(config: ModelConfig): SequenceMixer {
  const { mixer } = config;
  return mixer?.kind === "recurrent-memory" ? recurrentMemoryStack(config, mixer.memoryTokens) : layerStack(config);
}

function initParams(config: ModelConfig, stack: SequenceMixer, rng: Rng): ModelParams<FloatTensor> {
  const { vocabularySize, modelDim, tieEmbeddings } = config;
  return {
    embedding: normal([vocabularySize, modelDim], EMBEDDING_DEVIATION, rng.fork("embedding")),
    ...(stack.initParams(rng, 1) as StackParams<FloatTensor>),
    ...(tieEmbeddings ? {} : { head: weight(modelDim, vocabularySize, rng.fork("head")) }),
  };
}
