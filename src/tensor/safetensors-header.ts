import { z } from "zod";
import { InfiniError } from "../base/errors.ts";
import { bytesOf, type HostDType } from "./host-tensor.ts";
import type { TensorInfo } from "./source.ts";
import type { Flat } from "./tree.ts";

/** A safetensors file that cannot be trusted. The message names the file, and the tensor where there is one. */
export class SafetensorsError extends InfiniError {
  override name = "SafetensorsError";
  readonly code = "ERR_SAFETENSORS";
}

/** What precedes the data of a safetensors file. */
export interface Header {
  readonly infos: Flat<PlacedInfo>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A tensor of a file and its bytes there, `begin` .. `end`-1, counted from the start of the data. */
export interface PlacedInfo extends TensorInfo {
  readonly begin: number;
  readonly end: number;
}

/** Bytes that hold the length of the header. */
export const LENGTH_BYTES = 8;

/**
 * The header of these tensors in the order given, with its length before it, padded so that the data begins at a
 * multiple of 8.
 */
export function encodeHeader(infos: Flat<TensorInfo>, metadata: Readonly<Record<string, string>>): Uint8Array {
  let end = 0;
  const entries = Object.entries(infos).map(([name, { dtype, shape }]) => {
    if (RESERVED_NAMES.includes(name)) throw new SafetensorsError(`a tensor cannot be named "${name}"`);
    const begin = end;
    end += bytesOf(shape, dtype);
    return [name, { dtype: WRITTEN_AS[dtype], shape, data_offsets: [begin, end] }] as const;
  });
  const hasMetadata = Object.keys(metadata).length > 0;
  const json = JSON.stringify({ ...(hasMetadata && { __metadata__: metadata }), ...Object.fromEntries(entries) });
  const text = new TextEncoder().encode(json);
  const length = Math.ceil(text.length / ALIGNMENT) * ALIGNMENT;
  const bytes = new Uint8Array(LENGTH_BYTES + length).fill(SPACE);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(text, LENGTH_BYTES);
  return bytes;
}

/** The length of the header from the first bytes of a file of `size` bytes. Throws {@link SafetensorsError}. */
export function headerLength(start: Uint8Array, size: number, source: string): number {
  if (size < LENGTH_BYTES) throw new SafetensorsError(`${source}: is cut off: ${size} bytes cannot hold a header`);
  const length = Number(new DataView(start.buffer, start.byteOffset).getBigUint64(0, true));
  if (length > size - LENGTH_BYTES)
    throw new SafetensorsError(
      `${source}: is cut off or not a safetensors file: it claims a header of ${length} bytes`,
    );
  if (length > MAX_HEADER_BYTES)
    throw new SafetensorsError(`${source}: its header has ${length} bytes, at most ${MAX_HEADER_BYTES} are read`);
  return length;
}

/**
 * Reads a header. Throws {@link SafetensorsError} unless each of the `dataBytes` after it belongs to exactly one
 * tensor, and all have a supported type.
 */
export function decodeHeader(header: Uint8Array, dataBytes: number, source: string): Header {
  const fail = (problem: string): never => {
    throw new SafetensorsError(`${source}: ${problem}`);
  };
  const parsed = headerSchema.safeParse(parseJson(header, fail));
  if (!parsed.success) return fail(`its header is malformed: ${firstIssue(parsed.error)}`);
  const { __metadata__: metadata = {}, ...named } = parsed.data;
  const entries = Object.entries(named as Record<string, Entry>);
  if (entries.length > MAX_TENSORS) fail(`has ${entries.length} tensors, at most ${MAX_TENSORS} are read`);
  let expected = 0;
  const infos = entries
    .toSorted(([, a], [, b]) => byPlace(a, b))
    .map(([name, { dtype: type, shape, data_offsets: offsets }]): [string, PlacedInfo] => {
      const dtype = READ_AS.get(type) ?? fail(`"${name}" is in ${type}, which is not supported; F32, F16 and BF16 are`);
      const [begin, end] = offsets;
      if (begin !== expected || end < begin)
        fail(`"${name}" lies at ${begin}..${end}, expected to begin at ${expected}`);
      const size = bytesOf(shape, dtype);
      if (end - begin !== size)
        fail(`"${name}" of shape [${shape.join(", ")}] takes ${size} bytes, not ${end - begin}`);
      if (end > dataBytes) fail(`is cut off: "${name}" ends at byte ${end} of ${dataBytes}`);
      expected = end;
      return [name, { dtype, shape, begin, end }];
    });
  if (expected !== dataBytes) fail(`${dataBytes - expected} bytes after the last tensor belong to no tensor`);
  return { infos: Object.fromEntries(infos), metadata };
}

// --- internal ---

const ALIGNMENT = 8;
const SPACE = 0x20;
/** A model of 670 billion parameters has 91,000 tensors in 163 files. */
const MAX_HEADER_BYTES = 8 << 20;
const MAX_TENSORS = 1 << 16;
/** The second would be lost in an object literal. */
const RESERVED_NAMES = ["__metadata__", "__proto__"];

const WRITTEN_AS: Readonly<Record<HostDType, string>> = {
  float32: "F32",
  float16: "F16",
  bfloat16: "BF16",
  int32: "I32",
  uint8: "U8",
};
const READ_AS = new Map(Object.entries(WRITTEN_AS).map(([dtype, name]) => [name, dtype as HostDType]));

const count = z.int().nonnegative();
const entrySchema = z.strictObject({ dtype: z.string(), shape: z.array(count), data_offsets: z.tuple([count, count]) });
const headerSchema = z.object({ __metadata__: z.record(z.string(), z.string()).optional() }).catchall(entrySchema);
type Entry = z.output<typeof entrySchema>;

/** The header may list tensors in any order. A tensor without elements begins where the next one does. */
function byPlace({ data_offsets: a }: Entry, { data_offsets: b }: Entry): number {
  return a[0] - b[0] || a[1] - b[1];
}

function firstIssue({ issues }: z.ZodError): string {
  const [first] = issues;
  return first ? `${first.path.join(".")}: ${first.message}` : "";
}

function parseJson(bytes: Uint8Array, fail: (problem: string) => never): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return fail("its header is not JSON in UTF-8");
  }
}
