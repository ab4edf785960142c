import { inflateSync, unzipSync } from "node:zlib";
import { FileError, reason } from "../../src/platform/node/files.ts";

/*
 * Data of R packages: a lazy-load database is an index (`.rdx`) and a file of records (`.rdb`). Both hold values in
 * R's serialization format, big-endian ("XDR"), as the manual "R Internals", section 1.8, describes it.
 */

/** A vector of R with its attributes, such as `names`. Strings, numbers or values; null is NA. */
export interface RVector {
  readonly values: readonly (string | number | RValue)[];
  readonly attributes: Readonly<Record<string, RValue>>;
}

/** A value of R: a vector, symbol or pairlist. Anything else is refused. */
export type RValue = RVector | string | null;

/** The variables of a lazy-load database by name, each the lines of a character vector. Throws {@link FileError}. */
export function readCharacterVectors(index: Uint8Array, records: Uint8Array, source: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const [name, place] of entriesOf(entryOf(decodeR(unzip(index, source), source), "variables"), source)) {
    const [offset, length] = isVector(place) ? place.values : [];
    if (typeof offset !== "number" || typeof length !== "number") throw broken(source, `has no place for "${name}"`);
    const value = decodeR(inflateRecord(records.subarray(offset, offset + length), source), source);
    if (isVector(value) && value.values.every((line) => typeof line === "string")) found.set(name, [...value.values]);
  }
  return found;
}

/** The value that bytes hold in R's big-endian serialization format. Throws {@link FileError}. */
export function decodeR(bytes: Uint8Array, source: string): RValue {
  const reader = createReader(bytes, source);
  if (bytes[0] !== 0x58 || bytes[1] !== 0x0a) throw broken(source, "is not in R's big-endian format");
  reader.skip(2);
  const version = reader.int();
  reader.skip(8); // the version that wrote it and the oldest one that can read it
  if (version === 3) reader.skip(reader.int()); // the name of an encoding
  return readItem(reader, []);
}

// --- internal ---

interface Reader {
  readonly source: string;
  int(): number;
  double(): number;
  text(length: number, encoding: string): string;
  skip(length: number): void;
}

/** Types of values, by R's numbers for them. */
const TYPES = {
  symbol: 1,
  pairlist: 2,
  string: 9,
  logicals: 10,
  integers: 13,
  doubles: 14,
  strings: 16,
  list: 19,
  nil: 254,
  reference: 255,
} as const;

const HAS_ATTRIBUTES = 1 << 9;
const HAS_TAG = 1 << 10;
const IS_LATIN_1 = 1 << 14;
const MISSING_INTEGER = -(2 ** 31);

function readItem(reader: Reader, symbols: string[]): RValue {
  const flags = reader.int();
  switch (flags & 0xff) {
    case TYPES.nil:
      return null;
    case TYPES.reference:
      return symbols[(flags >>> 8 || reader.int()) - 1] ?? fail(reader, "refers to a symbol that it does not have");
    case TYPES.symbol: {
      const name = readItem(reader, symbols);
      if (typeof name !== "string") return fail(reader, "has a symbol without a name");
      symbols.push(name);
      return name;
    }
    case TYPES.string: {
      const length = reader.int();
      return length < 0 ? null : reader.text(length, flags & IS_LATIN_1 ? "latin1" : "utf-8");
    }
    case TYPES.pairlist:
      return readPairlist(reader, symbols, flags);
    default:
      return readVector(reader, symbols, flags);
  }
}

function readVector(reader: Reader, symbols: string[], flags: number): RVector {
  const readElement = elementReader(reader, symbols, flags & 0xff);
  const length = reader.int();
  if (length < 0) fail(reader, "has a vector that is too long");
  const values = Array.from({ length }, readElement);
  const attributes = flags & HAS_ATTRIBUTES ? attributesOf(readItem(reader, symbols)) : {};
  return { values, attributes };
}

function elementReader(reader: Reader, symbols: string[], type: number): () => string | number | RValue {
  if (type === TYPES.strings || type === TYPES.list) return () => readItem(reader, symbols);
  if (type === TYPES.doubles) return () => reader.double();
  if (type === TYPES.integers || type === TYPES.logicals) {
    return () => {
      const value = reader.int();
      return value === MISSING_INTEGER ? null : value;
    };
  }
  return fail(reader, `holds a value of type ${type}, which is not read here`);
}

/** A pairlist as a vector whose names are its tags. */
function readPairlist(reader: Reader, symbols: string[], first: number): RVector {
  const [values, names]: [RValue[], RValue[]] = [[], []];
  let flags = first;
  while ((flags & 0xff) === TYPES.pairlist) {
    if (flags & HAS_ATTRIBUTES) readItem(reader, symbols);
    names.push(flags & HAS_TAG ? readItem(reader, symbols) : "");
    values.push(readItem(reader, symbols));
    flags = reader.int();
  }
  if ((flags & 0xff) !== TYPES.nil) fail(reader, "has a pairlist without an end");
  return { values, attributes: { names: { values: names, attributes: {} } } };
}

function attributesOf(value: RValue): Record<string, RValue> {
  return Object.fromEntries(entriesOf(value, "attributes"));
}

/** The elements of a vector by its names. */
function entriesOf(value: RValue, source: string): [string, RValue][] {
  if (!isVector(value)) throw broken(source, "lacks a list");
  const names = value.attributes["names"] ?? null;
  const labels = isVector(names) ? names.values : [];
  return value.values.map((element, i) => [
    String(labels[i] ?? ""),
    typeof element === "number" ? { values: [element], attributes: {} } : element,
  ]);
}

function entryOf(value: RValue, name: string): RValue {
  if (!isVector(value)) return null;
  return entriesOf(value, name).find(([label]) => label === name)?.[1] ?? null;
}

function isVector(value: unknown): value is RVector {
  return typeof value === "object" && value !== null && "values" in value;
}

function createReader(bytes: Uint8Array, source: string): Reader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let position = 0;
  const take = (length: number): number => {
    const start = position;
    position += length;
    if (length < 0 || position > bytes.length) throw broken(source, "is cut off");
    return start;
  };
  return {
    source,
    int: () => view.getInt32(take(4)),
    double: () => view.getFloat64(take(8)),
    text(length, encoding) {
      const start = take(length);
      return new TextDecoder(encoding, { ignoreBOM: true }).decode(bytes.subarray(start, start + length));
    },
    skip: (length) => void take(length),
  };
}

function unzip(bytes: Uint8Array, source: string): Uint8Array {
  try {
    return unzipSync(bytes);
  } catch (cause) {
    throw new FileError(`${source}: cannot be decompressed: ${reason(cause)}`, { cause });
  }
}

/** A record: the length of its value, then the value, compressed by zlib. */
function inflateRecord(record: Uint8Array, source: string): Uint8Array {
  try {
    return inflateSync(record.subarray(4));
  } catch (cause) {
    throw new FileError(`${source}: has a record that cannot be decompressed: ${reason(cause)}`, { cause });
  }
}

function fail(reader: Reader, problem: string): never {
  throw broken(reader.source, problem);
}

function broken(source: string, problem: string): FileError {
  return new FileError(`${source}: ${problem}`);
}
