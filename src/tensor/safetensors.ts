import { OptionError } from "../base/errors.ts";
import { bytesIn, copyOf, ELEMENT_BYTES, tensorOver, type HostTensor } from "./host-tensor.ts";
import {
  decodeHeader,
  encodeHeader,
  headerLength,
  LENGTH_BYTES,
  SafetensorsError,
  type PlacedInfo,
} from "./safetensors-header.ts";
import type { TensorSource } from "./source.ts";
import type { Flat } from "./tree.ts";

export { SafetensorsError };

/*
 * Files of tensors: a header of names, types, shapes and places in JSON, then the data, little-endian, as the machine
 * must be too (https://huggingface.co/docs/safetensors).
 */

export interface TensorFile {
  readonly tensors: Flat<HostTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Bytes that are read in parts, from a file or from memory. */
export interface ByteReader {
  readonly size: number;
  /** The bytes `begin` .. `end`-1, which may be a view of memory that must not be written to. */
  read(begin: number, end: number): Promise<Uint8Array>;
}

/**
 * The bytes of a safetensors file, tensors in the order given. Throws {@link SafetensorsError} for a name that the
 * format reserves.
 */
export function encodeSafetensors(
  tensors: Flat<HostTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const parts = [encodeHeader(tensors, metadata), ...Object.values(tensors).map(bytesIn)];
  const bytes = new Uint8Array(parts.reduce((size, { length }) => size + length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

/** As {@link encodeSafetensors}, part by part: at most one tensor is in memory at a time. */
export async function* encodeSource(source: TensorSource): AsyncGenerator<Uint8Array> {
  yield encodeHeader(source.infos, source.metadata);
  for (const name of Object.keys(source.infos)) yield bytesIn(await source.read(name));
}

/**
 * Reads a safetensors file of F32, F16, BF16, I32 and U8 tensors, which are copied; `source` names it in errors. Throws
 * {@link SafetensorsError} for a file that is truncated, has bytes that belong to no tensor or to several, another
 * type, or a header that is malformed or lies about sizes and offsets.
 */
export function decodeSafetensors(bytes: Uint8Array, source: string): TensorFile {
  const start = LENGTH_BYTES + headerLength(bytes.subarray(0, LENGTH_BYTES), bytes.length, source);
  const { infos, metadata } = decodeHeader(bytes.subarray(LENGTH_BYTES, start), bytes.length - start, source);
  const tensors = Object.entries(infos).map(([name, info]) => {
    const data = bytes.subarray(start + info.begin, start + info.end);
    return [name, isAligned(data, info) ? copyOf(tensorIn(data, info)) : tensorIn(data, info)] as const;
  });
  return { tensors: Object.fromEntries(tensors), metadata };
}

/**
 * The tensors of a safetensors file, each read when it is requested. Tensors of bytes in memory are views of them where
 * they lie at multiples of the element size, as the format says they should.
 *
 * @throws {SafetensorsError} as {@link decodeSafetensors}, before any data is read.
 */
export async function openSafetensors(bytes: ByteReader, source: string): Promise<TensorSource> {
  const length = headerLength(await bytes.read(0, Math.min(LENGTH_BYTES, bytes.size)), bytes.size, source);
  const start = LENGTH_BYTES + length;
  const { infos, metadata } = decodeHeader(await bytes.read(LENGTH_BYTES, start), bytes.size - start, source);
  const placed = new Map(Object.entries(infos));
  return {
    infos: Object.fromEntries(Object.entries(infos).map(([name, { dtype, shape }]) => [name, { dtype, shape }])),
    metadata,
    async read(name) {
      const info = placed.get(name);
      if (!info) throw new OptionError(`${source}: there is no tensor "${name}"`);
      return tensorIn(await bytes.read(start + info.begin, start + info.end), info);
    },
  };
}

/** Bytes in memory, which are not copied. */
export function memoryReader(bytes: Uint8Array): ByteReader {
  return { size: bytes.length, read: async (begin, end) => bytes.subarray(begin, end) };
}

/** A count in the metadata of a file; undefined when it is missing or not a non-negative integer. */
export function metadataCount({ metadata }: Pick<TensorFile, "metadata">, key: string): number | undefined {
  const text = metadata[key] ?? "";
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

// --- internal ---

/**
 * The tensor whose bytes these are: a view of them, or a copy where they do not begin at a multiple of the element
 * size.
 */
function tensorIn(bytes: Uint8Array, info: PlacedInfo): HostTensor {
  const { buffer, byteOffset } = isAligned(bytes, info) ? bytes : new Uint8Array(bytes); // not slice(): a Buffer's shares memory
  return tensorOver(info.dtype, info.shape, buffer, byteOffset);
}

function isAligned({ byteOffset }: Uint8Array, { dtype }: PlacedInfo): boolean {
  return byteOffset % ELEMENT_BYTES[dtype] === 0;
}
