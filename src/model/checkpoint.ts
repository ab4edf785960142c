import type { FloatTensor, HostTensor } from "../tensor/host-tensor.ts";
import { flatten, mapTree, type Flat } from "../tensor/tree.ts";
import { transposed } from "../nn/init.ts";
import type { ParamSpec } from "../nn/spec.ts";
import type { ModelConfig } from "./config.ts";
import { decodeSafetensors, encodeSafetensors, SafetensorsError } from "../tensor/safetensors.ts";
import { createModel, type LoadedModel, type Model, type ModelParams } from "./transformer.ts";

/** Of the states of the mixers in a file. Changes when the same names come to mean something else. */
export const STATE_FORMAT = "2";

/** Of the weights in a file. Before there was a number, matrices were stored as [in, out]. */
export const WEIGHTS_FORMAT = "2";

/** The weights, by name, as a safetensors file, with notes in its metadata. */
export function encodeWeights(params: Flat<HostTensor>, notes: Readonly<Record<string, string>> = {}): Uint8Array {
  return encodeSafetensors(params, { ...notes, format: "infini-transformer", version: WEIGHTS_FORMAT });
}

/**
 * A model from its config and the bytes of its weights; `source` names them in errors. Throws
 * SafetensorsError when the file is broken or holds other weights than the config asks for.
 */
export function loadModel(config: ModelConfig, weights: Uint8Array, source: string): LoadedModel {
  const model = createModel(config);
  const { tensors, metadata } = decodeSafetensors(weights, source);
  const current = metadata["version"] === undefined ? turned(model, tensors) : tensors;
  return { model, params: restoreParams(model, current, source) };
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
  if (unknown !== undefined) throw new SafetensorsError(`${source}: "${unknown}" is no part of this config`);
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

/** Eight hexadecimal digits that tell weights apart (FNV-1a over 32-bit words). */
export function weightsHash(params: object): string {
  let hash = 0x811c9dc5;
  for (const { data } of Object.values(flatten<HostTensor>(params))) {
    for (const word of new Uint32Array(data.buffer, data.byteOffset, data.length))
      hash = Math.imul(hash ^ word, 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, "0");
}

/** Sixteen hexadecimal digits that two configs share when they are equal (FNV-1a, 64 bits). */
export function configHash(config: object): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(JSON.stringify(sortKeys(config)))) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return hash.toString(16).padStart(16, "0");
}

// --- internal ---

/** Weights of a file of the first format as they are now: matrices, which were [in, out], the other way round. */
function turned({ specs }: Model, tensors: Flat<HostTensor>): Flat<HostTensor> {
  const specOf = flatten<ParamSpec>(specs);
  const turn = (name: string, tensor: HostTensor): HostTensor =>
    specOf[name]?.role === "matrix" && tensor.shape.length === 2 ? transposed(tensor as FloatTensor) : tensor;
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, turn(name, tensor)]));
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, child]) => [key, sortKeys(child)]));
}
