import { mergeGroups, mergeHeads, splitGroups, splitHeads } from "../../../src/mixers/shared/heads.ts";
import type { KeysAndValues } from "../../../src/mixers/shared/keys.ts";
import { scoresOf, weightedValues } from "../../../src/mixers/shared/softmax.ts";
import type { Engine } from "../../../src/engine/engine.ts";
import { add, concat, input, matmul, reshape, slice, softmax } from "../../../src/graph/builder.ts";
import { createGraph, type Graph } from "../../../src/graph/graph.ts";
import { filled, floatTensor, intTensor, type FloatTensor, type HostTensor } from "../../../src/tensor/host-tensor.ts";
import { axisSize } from "../../../src/graph/infer.ts";
import type { Tensor } from "../../../src/graph/tensor.ts";
import { flatten, type Flat, type Tree } from "../../../src/tensor/tree.ts";
import type { ModelConfig } from "../../../src/model/config.ts";
import { parameterInputs } from "../../../src/model/inputs.ts";
import { layerNames, runLayers } from "../../../src/model/stack.ts";
import type { LoadedModel } from "../../../src/model/transformer.ts";
import { applyRope, type RopeTables } from "../../../src/nn/rope.ts";
import { embed, linear } from "../../../src/nn/weight.ts";

/** A model whose attention sees everything, at one place of a text: everything before is in its cache. */
export interface FullAttention {
  /** Logits [V] of the token after the one at position `cached`. The cache is not changed. */
  step(token: number): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/**
 * The model with a cache [1, 1, K, cached, d] of that many identical tokens, in `keys.<layer>` and `values.<layer>`.
 */
export async function createFullAttention(loaded: LoadedModel, engine: Engine, cached: number): Promise<FullAttention> {
  const { config } = loaded.model;
  const shape = [1, 1, config.numKeyValueHeads, cached, config.headDim];
  const names = layerNames(config).flatMap((layer) => [`keys.${layer}`, `values.${layer}`]);
  const cache = Object.fromEntries(names.map((name) => [name, filled(shape, 0.1)]));
  const program = await engine.compile(fullAttentionStep(loaded, cached));
  const weights: Flat<HostTensor> = flatten<FloatTensor>(loaded.params, "params");
  const feeds = { ...weights, ...cache, ...ropeFeeds(cached, config) };
  return {
    async step(token) {
      const results = await program.run({ ...feeds, token: intTensor([1, 1], Int32Array.of(token)) });
      return results["logits"]?.data as Float32Array;
    },
    dispose: () => program.dispose(),
  };
}

/**
 * One token that attends to `cached` others and to itself. The cache is neither copied nor computed again: its scores
 * and weighted values come from one product each, and the token's own are appended. Besides the logits it returns what
 * the cache would grow by, `next.keys.*` and `next.values.*` [1, 1, K, 1, d].
 */
export function fullAttentionStep({ model, params }: LoadedModel, cached: number): Graph {
  const { config } = model;
  const weights = parameterInputs(params);
  const rope = { cos: input("cos", [1, config.headDim / 2]), sin: input("sin", [1, config.headDim / 2]) };
  const shape = [1, 1, config.numKeyValueHeads, cached, config.headDim];
  const embedded = embed(weights.embedding, input("token", [1, 1], "int32"));
  const { y, results } = runLayers(config, weights, embedded, (attention, h, layer) => {
    const before = cached > 0 && { keys: input(`keys.${layer}`, shape), values: input(`values.${layer}`, shape) };
    return attend(config, attention, h, before || undefined, rope);
  });
  const outputs = Object.entries(results).flatMap(([layer, { keys, values }]) => [
    [`next.keys.${layer}`, keys] as const,
    [`next.values.${layer}`, values] as const,
  ]);
  const logits = model.logits(weights, y);
  return createGraph({ logits: reshape(logits, [config.vocabularySize]), ...Object.fromEntries(outputs) });
}

/** Cosines and sines of rotary positions at one position. */
export function ropeFeeds(position: number, { headDim, ropeBase }: ModelConfig): Flat<FloatTensor> {
  const half = headDim / 2;
  const table = (f: (angle: number) => number): FloatTensor =>
    floatTensor(
      [1, half],
      Float32Array.from({ length: half }, (_, i) => f(position * ropeBase ** (-i / half))),
    );
  return { cos: table(Math.cos), sin: table(Math.sin) };
}

// --- internal ---

function attend(
  { numHeads, numKeyValueHeads: heads }: ModelConfig,
  tree: Tree<Tensor>,
  x: Tensor,
  before: KeysAndValues<Tensor> | undefined,
  rope: RopeTables,
): KeysAndValues<Tensor> & { y: Tensor } {
  const { query, key, value, output } = tree as Record<"query" | "key" | "value" | "output", Tensor>;
  const q = applyRope(splitGroups(linear(x, query), 1, numHeads, heads), rope);
  const keys = applyRope(splitHeads(linear(x, key), 1, heads), rope);
  const values = splitHeads(linear(x, value), 1, heads);
  const seen = before ? seenOf(q, before, { keys, values }) : weightedValues(scoresOf(q, keys), values);
  return { keys, values, y: linear(mergeHeads(seen), output) };
}

/** softmax([q K^T, q k^T]) [V, v] for queries [1, 1, K, G, 1, d], without joining K and k, or V and v. */
function seenOf(q: Tensor, before: KeysAndValues<Tensor>, own: KeysAndValues<Tensor>): Tensor {
  const cached = axisSize(before.keys.shape, 3);
  const shares = softmax(concat([scoresOf(q, before.keys), scoresOf(q, own.keys)], -1)); // [1, 1, K, G, 1, cached + 1]
  const past = matmul(mergeGroups(slice(shares, -1, 0, cached)), before.values); // [1, 1, K, G, d]
  const now = matmul(mergeGroups(slice(shares, -1, cached, cached + 1)), own.values);
  return reshape(add(past, now), q.shape);
}
