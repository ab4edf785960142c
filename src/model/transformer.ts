import type { ChunkPlace, SequenceMixer } from "../mixers/contract.ts";
import { commitLanes, replaceLanes } from "../mixers/shared/lanes.ts";
import type { FloatTensor } from "../tensor/host-tensor.ts";
import type { Tensor } from "../graph/tensor.ts";
import { gaussianSpec, matrixSpec } from "../nn/init.ts";
import { initialize, type ParamSpec } from "../nn/spec.ts";
import { embed, linear, linearLosses, type Weight } from "../nn/weight.ts";
import type { StoredWeight } from "../nn/weight-storage.ts";
import type { Rng } from "../base/random.ts";
import type { ModelConfig } from "./config.ts";
import { recurrentMemoryStack } from "./recurrent-memory/stack.ts";
import { layerStack, type LayerStates, type StackParams } from "./stack.ts";

export type { BlockParams, LayerStates } from "./stack.ts";

/** Weights of a whole model; see {@link layerStack} for what lies between embedding and head. */
export type ModelParams<T, W = T> = StackParams<T, W> & {
  readonly embedding: W; // [V, D]
  /** Absent when the embedding serves as head too. */
  readonly head?: W; // [V, D]
};

/** A language model as pure functions over symbolic tensors; tokens are int32 [B, T]. */
export interface Model {
  readonly config: ModelConfig;
  /** Of every parameter, from the config alone. */
  readonly specs: ModelParams<ParamSpec>;
  initialState(batch: number): LayerStates<FloatTensor>;
  emptySegment(batch: number): LayerStates<FloatTensor>;
  /** Whole segments: hidden states [B, T, D] after the final norm, and the state after them. */
  apply(params: ModelParams<Tensor, Weight>, tokens: Tensor, state: LayerStates<Tensor>): ModelResult;
  /** Part of one segment; see {@link SequenceMixer.extend}. */
  extend(
    params: ModelParams<Tensor, Weight>,
    tokens: Tensor,
    open: OpenLayers,
    place: ChunkPlace,
  ): { hidden: Tensor; state: LayerStates<Tensor>; rows: LayerStates<Tensor> };
  /** The state after the open segment, which is full in all lanes; see {@link SequenceMixer.commit}. */
  commit(params: ModelParams<Tensor, Weight>, open: OpenLayers): LayerStates<Tensor>;
  /** Ends the open segment in the lanes whose flag (int32 [B]) is 1, where it must be full; the others stay as they are. */
  commitSome(params: ModelParams<Tensor, Weight>, open: OpenLayers, isFull: Tensor): OpenLayers;
  /** Logits [.., V] of the token after each hidden state [.., D]. */
  logits(params: ModelParams<Tensor, Weight>, hidden: Tensor): Tensor;
  /** Cross-entropy [..] of targets int32 [..] in nats, from hidden states [.., D]: what {@link logits} give, without all of them in memory. */
  losses(params: ModelParams<Tensor, Weight>, hidden: Tensor, targets: Tensor): Tensor;
}

export interface ModelResult {
  readonly hidden: Tensor;
  readonly state: LayerStates<Tensor>;
  /** See {@link MixerResult.writeWish}; of all layers [B, T, choices]. */
  readonly writeWish?: Tensor;
  /** See {@link MixerResult.auxiliary}; the sum over all layers. */
  readonly auxiliary?: Tensor;
}

/** A model and its weights, in whatever they are stored. */
export interface StoredModel {
  readonly model: Model;
  readonly params: ModelParams<FloatTensor, StoredWeight>;
}

/** A model and its weights as they are trained, all in float32. */
export interface LoadedModel extends StoredModel {
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
  const specs = modelSpecs(config, stack);
  return {
    config,
    specs,
    initialState: (batch) => stack.initialState(batch) as LayerStates<FloatTensor>,
    emptySegment: (batch) => stack.emptySegment(batch) as LayerStates<FloatTensor>,
    apply(params, tokens, states) {
      const { y, state, ...costs } = stack.apply(params, embed(params.embedding, tokens), states);
      return { hidden: y, state: state as LayerStates<Tensor>, ...costs };
    },
    extend(params, tokens, open, place) {
      const { y, state, rows } = stack.extend(params, embed(params.embedding, tokens), open, place);
      return { hidden: y, state: state as LayerStates<Tensor>, rows: rows as LayerStates<Tensor> };
    },
    commit: (params, open) => stack.commit(params, open) as LayerStates<Tensor>,
    commitSome: (params, open, isFull) => commitLanes(stack, params, open, isFull) as OpenLayers,
    logits: ({ head, embedding }, hidden) => linear(hidden, head ?? embedding),
    losses: ({ head, embedding }, hidden, targets) => linearLosses(hidden, head ?? embedding, targets),
  };
}

/** Weights to begin training with. The same seed gives the same. */
export function freshParams({ specs }: Pick<Model, "specs">, rng: Rng): ModelParams<FloatTensor> {
  return initialize(specs, rng);
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

function modelSpecs(config: ModelConfig, stack: SequenceMixer): ModelParams<ParamSpec> {
  const { vocabularySize, modelDim, tieEmbeddings } = config;
  return {
    embedding: gaussianSpec("embedding", "embedding", [vocabularySize, modelDim], EMBEDDING_DEVIATION),
    ...(stack.specs(1) as StackParams<ParamSpec>),
    ...(tieEmbeddings ? {} : { head: matrixSpec("head", modelDim, vocabularySize) }),
  };
}
