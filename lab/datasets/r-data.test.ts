import fc from "fast-check";
import { deflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { FIRST_SYMBOL, join8, lazyLoad, rDoubles, rFile, rInt, rInts, rList, rString, rStrings } from "./fixtures.ts";
import { FileError } from "../../src/platform/node/files.ts";
import { decodeR, readCharacterVectors } from "./r-data.ts";

const vector = (...values: unknown[]): object => ({ values, attributes: {} });
const named = (names: string[], ...values: unknown[]): object => ({ values, attributes: { names: vector(...names) } });

describe("decodeR", () => {
  it.each<[string, Uint8Array, unknown]>([
    ["nothing", rInt(254), null],
    ["integers, one missing", rInts([1, -7, -(2 ** 31)]), vector(1, -7, null)],
    ["doubles", rDoubles([0.5, -1e300]), vector(0.5, -1e300)],
    ["strings, one missing", rStrings(["é", null, ""]), vector("é", null, "")],
    ["a Latin-1 string", join8(rInt(9 | (1 << 14)), rInt(1), Uint8Array.of(0xe9)), "é"],
    ["a symbol", join8(rInt(1), rString("x")), "x"],
    ["a list with names", rList({ a: rInts([1]), b: rInt(254) }), named(["a", "b"], vector(1), null)],
    [
      "a list in a list, whose name refers to an earlier symbol",
      rList({ inner: rList({ a: rInts([1]) }) }, FIRST_SYMBOL),
      named(["inner"], named(["a"], vector(1))),
    ],
    ["a pairlist", join8(rInt(2 | (1 << 10)), rInt(1), rString("k"), rInts([3]), rInt(254)), named(["k"], vector(3))],
  ])("reads %s", (_, item, value) => {
    expect(decodeR(rFile(item), "file")).toEqual(value);
  });

  it("reads the older format, which names no encoding", () => {
    const header = join8(Uint8Array.of(0x58, 0x0a), rInt(2), rInt(0), rInt(0));
    expect(decodeR(join8(header, rStrings(["a"])), "file")).toEqual(vector("a"));
  });

  it.each<[string, Uint8Array, RegExp]>([
    ["text", new TextEncoder().encode("A\n"), /file: is not in R's big-endian format/],
    ["a value of another type", rFile(rInt(3)), /file: holds a value of type 3/],
    ["a symbol that has not appeared", rFile(FIRST_SYMBOL), /file: refers to a symbol/],
    ["a vector of no known length", rFile(join8(rInt(13), rInt(-1))), /file: has a vector that is too long/],
    ["a pairlist that continues as something else", rFile(join8(rInt(2), rInts([1]), rInt(13))), /without an end/],
  ])("refuses %s", (_, bytes, problem) => {
    expect(() => decodeR(bytes, "file")).toThrow(FileError);
    expect(() => decodeR(bytes, "file")).toThrow(problem);
  });

  it("reports that a file is cut off, wherever that is", () => {
    const whole = rFile(rList({ a: rStrings(["one", "two"]), b: rDoubles([1]) }));
    for (let length = 2; length < whole.length; length++) {
      expect(() => decodeR(whole.subarray(0, length), "file")).toThrow(/^file: is cut off$/);
    }
  });
});

describe("readCharacterVectors", () => {
  it("returns what was stored, by name", () => {
    const lines = fc.array(fc.string({ unit: "grapheme" }));
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z]+$/), lines, { noNullPrototype: true }), (vectors) => {
        const { rdx, rdb } = lazyLoad(vectors);
        expect(Object.fromEntries(readCharacterVectors(rdx, rdb, "data"))).toEqual(vectors);
      }),
      { numRuns: 30 },
    );
  });

  it("names the file that is broken", () => {
    const { rdx, rdb } = lazyLoad({ novel: ["a"] });
    expect(() => readCharacterVectors(rdx.subarray(0, 20), rdb, "data")).toThrow(/^data: cannot be decompressed/);
    expect(() => readCharacterVectors(rdx, rdb.subarray(0, 20), "data")).toThrow(/^data: has a record that cannot/);
    expect(() => readCharacterVectors(deflateSync(rFile(rInts([1]))), rdb, "data")).toThrow(/^data: lacks a list/);
  });
});
