import type { FloatTensor, HostTensor } from "../tensor/host-tensor.ts";
import { flatten, mapTree, type Flat } from "../tensor/tree.ts";
import type { ModelConfig } from "./config.ts";
import { createRng } from "../base/random.ts";
import { encodeSafetensors, memoryReader, openSafetensors, SafetensorsError } from "../tensor/safetensors.ts";
import type { TensorSource } from "../tensor/source.ts";
import type { Family } from "./families/family.ts";
import { infiniFamily, WEIGHTS_FORMAT } from "./families/infini.ts";
import { loadWeights } from "./families/load-weights.ts";
import { createModel, type LoadedModel, type Model, type ModelParams } from "./transformer.ts";

export { WEIGHTS_FORMAT };

/** Of the states of the mixers in a file. Changes when the same names come to mean something else. */
export const STATE_FORMAT = "2";

/** The weights, by name, as a safetensors file, with notes in its metadata. */
export function encodeWeights(params: Flat<HostTensor>, notes: Readonly<Record<string, string>> = {}): Uint8Array {
  return encodeSafetensors(params, { ...notes, format: "infini-transformer", version: WEIGHTS_FORMAT });
}

/**
 * A model from its config and its weights, which are the bytes of a safetensors file or tensors to read; `file` names them in errors.
 * Matrices of a file of the first format, which had them as [in, out], are turned.
 *
 * @throws {SafetensorsError} when the file is broken or holds other weights than the config asks for, before any is read.
 */
export async function loadModel(
  config: ModelConfig,
  weights: Uint8Array | TensorSource,
  file: string,
  family: Family = infiniFamily,
): Promise<LoadedModel> {
  const model = createModel(config);
  const source = weights instanceof Uint8Array ? await openSafetensors(memoryReader(weights), file) : weights;
  return { model, params: await loadWeights(model, family, source, createRng(0), file) };
}

/** Weights by name as a model takes them. Throws as {@link restoreTree}. */
export function restoreParams({ specs }: Model, tensors: Flat<HostTensor>, source: string): ModelParams<FloatTensor> {
  const like = mapTree<ModelParams<FloatTensor>>(specs, ({ shape }) => ({ dtype: "float32", shape }));
  return restoreTree(like, tensors, source);
}

/**
 * The tree of the form of `like` with the tensors of a file as leaves. Throws SafetensorsError when one is
 * missing, has another shape or type, or is not asked for.
 */
export function restoreTree<T extends object>(like: T, tensors: Flat<HostTensor>, source: string): T {
  const wanted = flatten<HostTensor>(like);
  const unknown = Object.keys(tensors).find((name) => !wanted[name]);
  if (unknown !== undefined) throw new SafetensorsError(`${source}: "${unknown}" is not part of this config`);
  return mapTree<T>(like, (leaf, name) => {
    const tensor = tensors[name];
    if (!tensor) throw new SafetensorsError(`${source}: lacks "${name}"`);
    if (tensor.shape.join() !== leaf.shape.join() || tensor.dtype !== wanted[name]?.dtype) {
      const [wantedShape, shape] = [leaf.shape.join(", "), tensor.shape.join(", ")];
      throw new SafetensorsError(`${source}: "${name}" must have shape [${wantedShape}], has [${shape}]`);
    }
    return tensor;
  });
}
