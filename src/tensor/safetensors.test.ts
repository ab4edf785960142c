import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { floatTensor, hostTensor, intTensor, sizeOf, zeros, type HostTensor } from "./host-tensor.ts";
import { checkFinite } from "./check-finite.ts";
import {
  decodeSafetensors,
  encodeSafetensors,
  memoryReader,
  openSafetensors,
  SafetensorsError,
} from "./safetensors.ts";
import { SOURCE_METADATA, SOURCE_TENSORS, sourceSuite } from "./source.suite.ts";

const SOURCE_FILE = encodeSafetensors(SOURCE_TENSORS, SOURCE_METADATA);

sourceSuite("bytes", () => openSafetensors(memoryReader(SOURCE_FILE), "f"));
sourceSuite("bytes at an odd place", () => {
  const shifted = new Uint8Array(SOURCE_FILE.length + 1);
  shifted.set(SOURCE_FILE, 1);
  return openSafetensors(memoryReader(shifted.subarray(1)), "f");
});

describe("openSafetensors", () => {
  it("does not copy bytes in memory", async () => {
    const source = await openSafetensors(memoryReader(SOURCE_FILE), "f");
    expect((await source.read("matrix")).data.buffer).toBe(SOURCE_FILE.buffer);
  });

  it("reads only the header until a tensor is requested, and then only that tensor", async () => {
    const read: number[] = [];
    const { size, read: readBytes } = memoryReader(SOURCE_FILE);
    const source = await openSafetensors({ size, read: (a, b) => (read.push(b - a), readBytes(a, b)) }, "f");
    const dataBytes = Object.values(SOURCE_TENSORS).reduce((sum, { data }) => sum + data.byteLength, 0);
    expect(read.reduce((sum, length) => sum + length)).toBe(size - dataBytes);
    await source.read("whole");
    expect(read.at(-1)).toBe(8);
  });

  it.each([0, 7, 8, 20, SOURCE_FILE.length - 1])("refuses a file cut off after %d bytes", async (end) => {
    await expect(openSafetensors(memoryReader(SOURCE_FILE.subarray(0, end)), "f")).rejects.toThrow(SafetensorsError);
  });

  it("refuses an oversized header before it is read", async () => {
    const size = 2 ** 40;
    const start = withHeader(new Uint8Array(0), 0);
    new DataView(start.buffer).setBigUint64(0, 90_000_000n, true);
    const reader = { size, read: async (begin: number, end: number) => start.subarray(begin, end) };
    await expect(openSafetensors(reader, "f")).rejects.toThrow(
      "f: its header has 90000000 bytes, at most 8388608 are read",
    );
  });
});

describe("checkFinite", () => {
  it("names the tensor and the element", () => {
    expect(() => checkFinite(floatTensor([3], Float32Array.of(0, 1, NaN)), "w", "f")).toThrow(
      new SafetensorsError('f: "w" has an element that is not finite, the one at 2'),
    );
    checkFinite(floatTensor([2], Float32Array.of(0, -3e38)), "w", "f");
  });
});

describe("a round trip", () => {
  it("gives back tensors and metadata, bit for bit", () => {
    fc.assert(
      fc.property(
        fc.dictionary(name, tensor, { maxKeys: 5 }),
        fc.dictionary(name, text, { maxKeys: 3 }),
        (tensors, metadata) => {
          const file = decodeSafetensors(encodeSafetensors(tensors, metadata), "f");
          expect(file).toEqual({ tensors, metadata });
        },
      ),
    );
  });

  it("does not depend on where the bytes lie, and shares no memory with them", () => {
    const bytes = encodeSafetensors({ w: floatTensor([2], Float32Array.of(1, 2)) });
    const host = Buffer.alloc(bytes.length + 3);
    host.set(bytes, 3);
    const { tensors } = decodeSafetensors(host.subarray(3), "f");
    host.fill(0xff);
    expect(tensors.w?.data).toEqual(Float32Array.of(1, 2));
  });

  it("takes only the part that a view shows", () => {
    const view = Float32Array.of(0, 1, 2, 3).subarray(1, 3);
    expect(decodeSafetensors(encodeSafetensors({ view: floatTensor([2], view) }), "f").tensors.view?.data).toEqual(
      Float32Array.of(1, 2),
    );
  });
});

describe("encodeSafetensors", () => {
  it("writes the published layout", () => {
    const bytes = encodeSafetensors(
      { b: intTensor([1], Int32Array.of(-2)), a: floatTensor([], Float32Array.of(1)) },
      { k: "v" },
    );
    const json =
      '{"__metadata__":{"k":"v"},"b":{"dtype":"I32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[],"data_offsets":[4,8]}}';
    const length = Math.ceil(json.length / 8) * 8;
    expect([...bytes.subarray(0, 8)]).toEqual([length, 0, 0, 0, 0, 0, 0, 0]);
    expect(new TextDecoder().decode(bytes.subarray(8, 8 + length))).toBe(json.padEnd(length));
    expect([...bytes.subarray(8 + length)]).toEqual([0xfe, 0xff, 0xff, 0xff, 0, 0, 0x80, 0x3f]);
  });

  it("aligns the data to 8 bytes whatever the header", () => {
    for (let i = 1; i <= 8; i++) {
      const header = encodeSafetensors({ ["x".repeat(i)]: zeros([1]) }).length - 4;
      expect(header % 8).toBe(0);
    }
  });

  it("refuses names that mean something else", () => {
    for (const reserved of ["__metadata__", "__proto__"]) {
      expect(() => encodeSafetensors({ [reserved]: zeros([1]) })).toThrow(SafetensorsError);
    }
  });
});

describe("decodeSafetensors", () => {
  const w = { dtype: "F32", shape: [2], data_offsets: [0, 8] };
  const v = { dtype: "I32", shape: [1], data_offsets: [8, 12] };

  it("takes a header in any order, tensors without elements included", () => {
    const empty = { dtype: "F32", shape: [0], data_offsets: [8, 8] };
    const { tensors } = decodeSafetensors(fileOf({ v, empty, w }, 12), "f");
    expect(Object.keys(tensors).toSorted()).toEqual(["empty", "v", "w"]);
  });

  it.each<[string, object, number, RegExp]>([
    [
      "a type that is not supported",
      { w: { ...w, dtype: "F64" } },
      8,
      /^[^\n]*"w" is in F64, which is not supported; F32, F16 and BF16 are$/,
    ],
    ["a type that is not a name", { w: { ...w, dtype: 7 } }, 8, /w\.dtype/],
    [
      "a name that objects have",
      { toString: { ...w, dtype: "constructor" } },
      8,
      /"toString" is in constructor, which/,
    ],
    ["a negative size", { w: { ...w, shape: [-2] } }, 8, /w\.shape/],
    ["a size that is not whole", { w: { ...w, shape: [1.5] } }, 8, /w\.shape/],
    ["a negative offset", { w: { ...w, data_offsets: [-8, 0] } }, 8, /w\.data_offsets/],
    ["three offsets", { w: { ...w, data_offsets: [0, 4, 8] } }, 8, /w\.data_offsets/],
    ["a missing shape", { w: { dtype: "F32", data_offsets: [0, 8] } }, 8, /w\.shape/],
    ["an unknown field", { w: { ...w, strides: [1] } }, 8, /strides/],
    ["sizes that do not match the shape", { w: { ...w, shape: [3] } }, 8, /"w" of shape \[3\] takes 12 bytes, not 8/],
    ["a shape whose size overflows", { w: { ...w, shape: Array(40).fill(2 ** 30) } }, 8, /"w" of shape/],
    ["offsets past the end", { w, v }, 8, /cut off: "v" ends at byte 12 of 8/],
    ["offsets in reverse", { w: { ...w, data_offsets: [8, 0] } }, 8, /"w" lies at 8\.\.0/],
    ["a hole before", { v }, 12, /"v" lies at 8\.\.12, expected to begin at 0/],
    ["a hole between", { w, v: { ...v, data_offsets: [12, 16] } }, 16, /"v" lies at 12\.\.16, expected to begin at 8/],
    ["an overlap", { w, v: { ...v, data_offsets: [4, 8] } }, 8, /"v" lies at 4\.\.8, expected to begin at 8/],
    ["trailing bytes", { w }, 9, /1 bytes after the last tensor/],
    ["metadata that is not text", { __metadata__: { step: 1 }, w }, 8, /__metadata__\.step/],
    ["a header that is a list", [w], 8, /header is malformed/],
  ])("refuses %s", (_, header, dataBytes, problem) => {
    expect(failure(fileOf(header, dataBytes))).toMatch(problem);
  });

  it.each<[string, Uint8Array, RegExp]>([
    ["no bytes at all", new Uint8Array(0), /cut off: 0 bytes/],
    ["a header past the end", Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0x7d), /a header of 9 bytes/],
    ["an absurd header", new Uint8Array(8).fill(0xff), /a header of 18446744073709552000 bytes/],
    ["a header that is not JSON", withHeader(new TextEncoder().encode('{"w":'), 0), /not JSON/],
    [
      "a header that is not UTF-8",
      withHeader(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d), 0),
      /not JSON in UTF-8/,
    ],
  ])("refuses %s", (_, bytes, problem) => {
    expect(failure(bytes)).toMatch(problem);
  });

  it("refuses more tensors than any model has", () => {
    const none = { dtype: "F32", shape: [0], data_offsets: [0, 0] };
    const many = Object.fromEntries(Array.from({ length: 65_537 }, (_, i) => [i, none]));
    expect(failure(fileOf(many, 0))).toMatch(/has 65537 tensors, at most 65536 are read/);
  });

  it("refuses a file cut off anywhere", () => {
    const bytes = encodeSafetensors({ w: zeros([3]), v: intTensor([2], Int32Array.of(1, 2)) }, { k: "v" });
    for (let end = 0; end < bytes.length; end++)
      expect(() => decodeSafetensors(bytes.subarray(0, end), "f")).toThrow(SafetensorsError);
  });

  it("never throws anything else, and accepts only what is consistent", () => {
    const bytes = encodeSafetensors({ w: zeros([1, 2]), v: intTensor([1], Int32Array.of(7)) });
    fc.assert(
      fc.property(fc.nat(bytes.length - 9), fc.nat(255), (place, value) => {
        const broken = bytes.with(place, value);
        try {
          for (const { shape, data } of Object.values(decodeSafetensors(broken, "f").tensors))
            expect(data.length).toBe(sizeOf(shape));
        } catch (error) {
          expect(error).toBeInstanceOf(SafetensorsError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

// --- internal ---

const text = fc.string({ unit: "binary", maxLength: 12 });
const name = text.filter((key) => key !== "__proto__" && key !== "__metadata__");
const shape = fc.array(fc.nat(3), { maxLength: 3 });
const tensor: fc.Arbitrary<HostTensor> = shape.chain((axes) => {
  const size = { minLength: sizeOf(axes), maxLength: sizeOf(axes) };
  return fc.oneof(
    fc.float32Array(size).map((data) => floatTensor(axes, data)),
    fc.int32Array(size).map((data) => intTensor(axes, data)),
    fc.uint8Array(size).map((data) => hostTensor("uint8", axes, data)),
    fc.uint16Array(size).map((data) => hostTensor("float16", axes, data)),
    fc.uint16Array(size).map((data) => hostTensor("bfloat16", axes, data)),
  );
});

function fileOf(header: object, dataBytes: number): Uint8Array {
  return withHeader(new TextEncoder().encode(JSON.stringify(header)), dataBytes);
}

function withHeader(header: Uint8Array, dataBytes: number): Uint8Array {
  const bytes = new Uint8Array(8 + header.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
  bytes.set(header, 8);
  return bytes;
}

/** The message of the error, which must name the file. */
function failure(bytes: Uint8Array): string {
  try {
    decodeSafetensors(bytes, "model.safetensors");
  } catch (error) {
    if (!(error instanceof SafetensorsError)) throw error;
    expect(error.message).toMatch(/^model\.safetensors: /);
    return error.message;
  }
  throw new Error("nothing was refused");
}
