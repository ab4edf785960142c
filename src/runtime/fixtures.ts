import { flatten, mapTree } from "../tensor/tree.ts";
import type { FloatTensor } from "../tensor/host-tensor.ts";
import { parseModelConfig, type ModelConfigInput } from "../model/config.ts";
import { createModel, freshParams, type LoadedModel, type ModelParams } from "../model/transformer.ts";
import { createRng } from "../base/random.ts";

/** Tokens of a segment of {@link tinyModel} unless specified. */
export const SEGMENT = 4;

/** What a model of two layers and two heads mixes the sequence with. */
export type Mixing = Pick<ModelConfigInput, "memory" | "mixer" | "layers" | "numKeyValueHeads">;

/** A small random model with weights so large that every token before matters. */
export function tinyModel(mixing: Mixing = {}, vocabularySize = 20, segmentLength = SEGMENT): LoadedModel {
  const config = parseModelConfig({
    vocabularySize,
    modelDim: 12,
    numLayers: 2,
    numHeads: 2,
    numKeyValueHeads: mixing.mixer?.kind === "transformer-xl" ? 2 : 1,
    headDim: 6,
    feedForwardDim: 16,
    segmentLength,
    tieEmbeddings: false,
    ...mixing,
  });
  const model = createModel(config);
  const fresh = freshParams(model, createRng(3));
  const noise = createRng(5);
  const params = mapTree<ModelParams<FloatTensor>>(fresh, (leaf, name) => {
    const { data, ...rest } = leaf as FloatTensor;
    const gain = { embedding: 40, head: 3 }[name] ?? 1;
    return { ...rest, data: data.map((value) => gain * value + 0.3 * noise.normal()) } as FloatTensor;
  });
  return { model, params };
}

/** Random tokens of a vocabulary. */
export function randomTokens(length: number, seed = 0, vocabularySize = 20): Int32Array {
  const rng = createRng(seed).fork("tokens");
  return Int32Array.from({ length }, () => rng.integer(vocabularySize));
}

/** The weights by name, in the form that programs take. */
export function weightsOf({ params }: LoadedModel): Readonly<Record<string, FloatTensor>> {
  return flatten<FloatTensor>(params, "params");
}
