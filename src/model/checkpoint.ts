import type { HostTensor } from "../tensor/host-tensor.ts";
import { flatten, mapTree, type Flat } from "../tensor/tree.ts";
import { zeroRng } from "../base/random.ts";
import type { ModelConfig } from "./config.ts";
import { decodeSafetensors, encodeSafetensors, SafetensorsError } from "../tensor/safetensors.ts";
import { createModel, type LoadedModel } from "./transformer.ts";

/** Of the states of the mixers in a file. Changes when the same names come to mean something else. */
export const STATE_FORMAT = "2";

/** The weights as a safetensors file, with notes in its metadata. */
export function encodeWeights(
  params: Flat<HostTensor>,
  config: ModelConfig,
  notes: Readonly<Record<string, string>> = {},
): Uint8Array {
  return encodeSafetensors(params, { ...notes, format: "infini-transformer", config: configHash(config) });
}

/**
 * A model from its config and the bytes of its weights; `source` names them in errors. Throws
 * SafetensorsError when the file is broken or holds other weights than the config asks for.
 */
export function loadModel(config: ModelConfig, weights: Uint8Array, source: string): LoadedModel {
  const model = createModel(config);
  const { tensors } = decodeSafetensors(weights, source);
  return { model, params: restoreTree(model.initParams(zeroRng), tensors, source) };
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

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, child]) => [key, sortKeys(child)]));
}
