import type { MixerResult, OpenState, SequenceMixer } from "../mixers/contract.ts";
import { add, concat, rmsNorm } from "../graph/builder.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Tree } from "../tensor/tree.ts";
import { feedForward, feedForwardSpecs, type FeedForwardParams } from "../nn/feed-forward.ts";
import { filledSpec } from "../nn/init.ts";
import { forked, type ParamSpec } from "../nn/spec.ts";
import type { Weight } from "../nn/weight.ts";
import type { ModelConfig } from "./config.ts";
import { layerMixer } from "../mixers/registry.ts";
import { layersOf } from "./layers.ts";

/** Weights of everything between the embedding and the head. Layers are numbered from "0". */
export type StackParams<T, W = T> = {
  readonly blocks: { readonly [layer: string]: BlockParams<T, W> };
  readonly finalNorm: T; // [D]
};

export type BlockParams<T, W = T> = {
  readonly attentionNorm: T; // [D]
  readonly attention: Tree<T>;
  readonly feedForwardNorm: T; // [D]
  readonly feedForward: FeedForwardParams<W>;
};

/** States or open segments of all layers. */
export type LayerStates<T> = { readonly [layer: string]: Tree<T> };

/**
 * All layers and the final norm as one mixer: x [B, T, D] are embeddings, y are hidden states. Each layer is RMSNorm, a
 * sequence mixer, RMSNorm, SwiGLU, and adds to what it reads.
 */
export function layerStack(config: ModelConfig): SequenceMixer {
  const layers = layerNames(config);
  const mixers = mixersOf(config);
  return {
    specs: (outputGain) => stackSpecs(config, outputGain, (layer, gain) => at(mixers, layer).specs(gain)),
    initialState: (batch) => eachOf(layers, (layer) => at(mixers, layer).initialState(batch)),
    emptySegment: (batch) => eachOf(layers, (layer) => at(mixers, layer).emptySegment(batch)),

    apply(tree, embedded, states) {
      const params = tree as StackParams<Tensor, Weight>;
      const { y, results } = runLayers(config, params, embedded, (attention, h, layer) =>
        at(mixers, layer).apply(attention, h, at(states as LayerStates<Tensor>, layer)),
      );
      return {
        y,
        state: eachOf(layers, (layer) => at(results, layer).state),
        ...joinCosts(Object.values(results)),
      };
    },

    extend(tree, embedded, open, place) {
      const params = tree as StackParams<Tensor, Weight>;
      const { y, results } = runLayers(config, params, embedded, (attention, h, layer) =>
        at(mixers, layer).extend(attention, h, openAt(open, layer), place),
      );
      return {
        y,
        state: eachOf(layers, (layer) => at(results, layer).state),
        rows: eachOf(layers, (layer) => at(results, layer).rows),
      };
    },

    commit: (params, open) =>
      eachOf(layers, (layer) =>
        at(mixers, layer).commit(
          at((params as StackParams<Tensor, Weight>).blocks, layer).attention,
          openAt(open, layer),
        ),
      ),
  };
}

/** Names of the layers, from the first. */
export function layerNames({ numLayers }: ModelConfig): string[] {
  return Array.from({ length: numLayers }, (_, layer) => String(layer));
}

/** What mixes the sequence in each layer. */
export function mixersOf(config: ModelConfig): { readonly [layer: string]: SequenceMixer } {
  return Object.fromEntries(layersOf(config).map((layer, i) => [String(i), layerMixer(config, layer).mixer]));
}

/** The parameters of every layer; `mixerSpecs` gives those of its mixer. */
export function stackSpecs(
  config: ModelConfig,
  outputGain: number,
  mixerSpecs: (layer: string, outputGain: number) => Tree<ParamSpec>,
): StackParams<ParamSpec> {
  const { modelDim, feedForwardDim, numLayers } = config;
  // Two additions per layer feed the residual stream; this keeps their sum at the size of one.
  const gain = outputGain / Math.sqrt(2 * numLayers);
  const norm = filledSpec("norm", [modelDim], 1);
  return {
    blocks: eachOf(layerNames(config), (layer) => ({
      attentionNorm: norm,
      attention: forked(`attention ${layer}`, mixerSpecs(layer, gain)),
      feedForwardNorm: norm,
      feedForward: forked(`feed-forward ${layer}`, feedForwardSpecs(modelDim, feedForwardDim, gain)),
    })),
    finalNorm: norm,
  };
}

/** All layers in turn: hidden states after the final norm, and what the mixer of each layer gave. */
export function runLayers<Result extends { readonly y: Tensor }>(
  config: ModelConfig,
  params: StackParams<Tensor, Weight>,
  x: Tensor,
  mix: (attention: Tree<Tensor>, h: Tensor, layer: string) => Result,
): { y: Tensor; results: { [layer: string]: Result } } {
  let y = x;
  const results = eachOf(layerNames(config), (layer) => {
    const result = runBlock(config, at(params.blocks, layer), y, (attention, h) => mix(attention, h, layer));
    y = result.y;
    return result;
  });
  return { y: rmsNorm(y, params.finalNorm, config.normEpsilon), results };
}

/** A record with a value for each name. */
export function eachOf<T>(names: readonly string[], make: (name: string) => T): { [name: string]: T } {
  return Object.fromEntries(names.map((name) => [name, make(name)]));
}

/** The value of a layer. Throws `RangeError` when there is none. */
export function at<T>(layers: { readonly [layer: string]: T }, layer: string): T {
  const value = layers[layer];
  if (value === undefined) throw new RangeError(`there is no layer ${layer}`);
  return value;
}

// --- internal ---

/** One layer: what its mixer gives, and y after both additions. */
function runBlock<Result extends { readonly y: Tensor }>(
  { normEpsilon }: ModelConfig,
  params: BlockParams<Tensor, Weight>,
  x: Tensor,
  mix: (attention: Tree<Tensor>, h: Tensor) => Result,
): Result {
  const mixed = mix(params.attention, rmsNorm(x, params.attentionNorm, normEpsilon));
  const afterMixer = add(x, mixed.y);
  const h = rmsNorm(afterMixer, params.feedForwardNorm, normEpsilon);
  return { ...mixed, y: add(afterMixer, feedForward(params.feedForward, h)) };
}

function openAt({ state, segment }: OpenState, layer: string): OpenState {
  return { state: at(state as LayerStates<Tensor>, layer), segment: at(segment as LayerStates<Tensor>, layer) };
}

/** What the layers wish to write side by side, and the sum of what they charge. */
function joinCosts(results: readonly MixerResult[]): Pick<MixerResult, "writeWish" | "auxiliary"> {
  const wishes = results.flatMap(({ writeWish }) => writeWish ?? []);
  const losses = results.flatMap(({ auxiliary }) => auxiliary ?? []);
  return {
    ...(wishes.length > 0 && { writeWish: concat(wishes, -1) }),
    ...(losses.length > 0 && { auxiliary: losses.reduce((total, loss) => add(total, loss)) }),
  };
}
