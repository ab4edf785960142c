import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { deflateSync, gzipSync } from "node:zlib";

/* Values in R's serialization format, as R writes them; see "R Internals", section 1.8. */

const HAS_ATTRIBUTES = 1 << 9;
const HAS_TAG = 1 << 10;
const UTF_8 = 1 << 15;

export const rInt = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value);
  return bytes;
};
export const rDouble = (value: number): Uint8Array => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  return bytes;
};
export const rString = (text: string | null, flags = UTF_8): Uint8Array => {
  if (text === null) return join8(rInt(9), rInt(-1));
  const bytes = new TextEncoder().encode(text);
  return join8(rInt(9 | flags), rInt(bytes.length), bytes);
};
export const rStrings = (values: readonly (string | null)[]): Uint8Array =>
  join8(rInt(16), rInt(values.length), ...values.map((value) => rString(value)));
export const rInts = (values: readonly number[]): Uint8Array =>
  join8(rInt(13), rInt(values.length), ...values.map(rInt));
export const rDoubles = (values: readonly number[]): Uint8Array =>
  join8(rInt(14), rInt(values.length), ...values.map(rDouble));
/** A list whose names are an attribute; `symbol` is the name of that attribute, or a reference to it. */
export const rList = (
  entries: Readonly<Record<string, Uint8Array>>,
  symbol = join8(rInt(1), rString("names")),
): Uint8Array =>
  join8(
    rInt(19 | HAS_ATTRIBUTES),
    rInt(Object.keys(entries).length),
    ...Object.values(entries),
    join8(rInt(2 | HAS_TAG), symbol, rStrings(Object.keys(entries)), rInt(254)),
  );
/** A reference to the first symbol. */
export const FIRST_SYMBOL: Uint8Array = rInt(255 | (1 << 8));

/** A whole file of version 3. */
export function rFile(item: Uint8Array): Uint8Array {
  const encoding = new TextEncoder().encode("UTF-8");
  return join8(Uint8Array.of(0x58, 0x0a), rInt(3), rInt(0x040203), rInt(0x030500), rInt(5), encoding, item);
}

/** A lazy-load database of character vectors: the bytes of its `.rdx` and its `.rdb`. */
export function lazyLoad(vectors: Readonly<Record<string, readonly string[]>>): { rdx: Uint8Array; rdb: Uint8Array } {
  let offset = 0;
  const records = Object.values(vectors).map((lines) => {
    const value = rFile(rStrings(lines));
    return join8(rInt(value.length), deflateSync(value));
  });
  const places = records.map((record) => {
    const place = rInts([offset, record.length]);
    offset += record.length;
    return place;
  });
  const variables = rList(Object.fromEntries(Object.keys(vectors).map((name, i) => [name, places[i] ?? rInt(254)])));
  const index = rList({ variables, references: rList({}, FIRST_SYMBOL), compressed: rInts([1]) }, FIRST_SYMBOL);
  return { rdx: gzipSync(rFile(index)), rdb: join8(...records) };
}

/** Writes files below a folder, by their paths. */
export async function writeFiles(folder: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
}

export function join8(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
