import { InfiniError } from "../base/errors.ts";
import { z } from "zod";
import { bytesOf, floatTensor, intTensor, type HostTensor } from "./host-tensor.ts";
import type { Flat } from "./tree.ts";

/** A safetensors file that cannot be trusted. The message names the file, and the tensor where there is one. */
export class SafetensorsError extends InfiniError {
  override name = "SafetensorsError";
  readonly code = "ERR_SAFETENSORS";
}

export interface TensorFile {
  readonly tensors: Flat<HostTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * The bytes of a safetensors file, tensors in the order given, padded so that their data begins at a multiple
 * of 8. Needs a little-endian machine. Throws {@link SafetensorsError} for a name that the format reserves.
 */
export function encodeSafetensors(
  tensors: Flat<HostTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  let end = 0;
  const entries = Object.entries(tensors).map(([name, { dtype, shape }]) => {
    if (RESERVED_NAMES.includes(name)) throw new SafetensorsError(`a tensor cannot be named "${name}"`);
    const begin = end;
    end += bytesOf(shape);
    return [name, { dtype: DTYPE_NAMES[dtype], shape, data_offsets: [begin, end] }] as const;
  });
  const json = JSON.stringify({
    ...(Object.keys(metadata).length > 0 && { __metadata__: metadata }),
    ...Object.fromEntries(entries),
  });
  const header = new TextEncoder().encode(json);
  const dataStart = LENGTH_BYTES + Math.ceil(header.length / ALIGNMENT) * ALIGNMENT;
  const bytes = new Uint8Array(dataStart + end).fill(SPACE, LENGTH_BYTES + header.length, dataStart);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(dataStart - LENGTH_BYTES), true);
  bytes.set(header, LENGTH_BYTES);
  let offset = dataStart;
  for (const { data } of Object.values(tensors)) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += data.byteLength;
  }
  return bytes;
}

/**
 * Reads a safetensors file of F32 and I32 tensors, which are copied; `source` names it in errors. Needs a
 * little-endian machine. Throws {@link SafetensorsError} for a file that is truncated, has bytes that no tensor
 * or more than one owns, or a header that is malformed or lies about sizes and offsets.
 */
export function decodeSafetensors(bytes: Uint8Array, source: string): TensorFile {
  const fail = (problem: string): never => {
    throw new SafetensorsError(`${source}: ${problem}`);
  };
  const { header, data } = splitFile(bytes, fail);
  const { __metadata__: metadata = {}, ...entries } = header;
  const tensors: Record<string, HostTensor> = {};
  let expected = 0;
  const ordered = Object.entries(entries as Record<string, Entry>).toSorted(([, a], [, b]) => byPlace(a, b));
  for (const [
    name,
    {
      dtype,
      shape,
      data_offsets: [begin, end],
    },
  ] of ordered) {
    if (begin !== expected || end < begin) fail(`"${name}" lies at ${begin}..${end}, expected to begin at ${expected}`);
    if (end - begin !== bytesOf(shape))
      fail(`"${name}" of shape [${shape.join(", ")}] takes ${bytesOf(shape)} bytes, not ${end - begin}`);
    if (end > data.length) fail(`is cut off: "${name}" ends at byte ${end} of ${data.length}`);
    const copy = new Uint8Array(data.subarray(begin, end)).buffer; // not slice(): a Buffer's would share memory
    tensors[name] =
      dtype === "F32" ? floatTensor(shape, new Float32Array(copy)) : intTensor(shape, new Int32Array(copy));
    expected = end;
  }
  if (expected !== data.length) fail(`${data.length - expected} bytes after the last tensor belong to none`);
  return { tensors, metadata };
}

/** A count in the metadata of a file; nothing when it is missing or no whole number from 0 up. */
export function metadataCount({ metadata }: TensorFile, key: string): number | undefined {
  const text = metadata[key] ?? "";
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

// --- internal ---

const LENGTH_BYTES = 8;
const ALIGNMENT = 8;
const SPACE = 0x20;
const MAX_HEADER_BYTES = 100_000_000; // as in the reference implementation
/** The second would be lost in an object literal. */
const RESERVED_NAMES = ["__metadata__", "__proto__"];
const DTYPE_NAMES = { float32: "F32", int32: "I32" } as const;

const count = z.int().nonnegative();
const entrySchema = z.strictObject({
  dtype: z.enum(["F32", "I32"]),
  shape: z.array(count),
  data_offsets: z.tuple([count, count]),
});
const headerSchema = z.object({ __metadata__: z.record(z.string(), z.string()).optional() }).catchall(entrySchema);
type Entry = z.output<typeof entrySchema>;

/** The header may list tensors in any order. One without elements begins where the next one does. */
function byPlace({ data_offsets: a }: Entry, { data_offsets: b }: Entry): number {
  return a[0] - b[0] || a[1] - b[1];
}

function splitFile(
  bytes: Uint8Array,
  fail: (problem: string) => never,
): { header: z.output<typeof headerSchema>; data: Uint8Array } {
  if (bytes.length < LENGTH_BYTES) fail(`is cut off: ${bytes.length} bytes cannot hold a header`);
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (length > bytes.length - LENGTH_BYTES)
    fail(`is cut off or no safetensors file: it claims a header of ${length} bytes`);
  if (length > MAX_HEADER_BYTES) fail(`is no safetensors file: it claims a header of ${length} bytes`);
  const parsed = headerSchema.safeParse(parseHeader(bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + length), fail));
  if (!parsed.success) return fail(`its header is malformed: ${z.prettifyError(parsed.error)}`);
  return { header: parsed.data, data: bytes.subarray(LENGTH_BYTES + length) };
}

function parseHeader(bytes: Uint8Array, fail: (problem: string) => never): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return fail("its header is not JSON in UTF-8");
  }
}
