import { describe, expect, it } from "vitest";
import { bytesOf, filled, floatTensor, intTensor, sizeOf, zeros, zerosOf } from "./host-tensor.ts";

describe("host tensors", () => {
  it.each([
    [[], 1],
    [[3], 3],
    [[2, 3, 4], 24],
    [[2, 0], 0],
  ])("a tensor of shape [%s] has %d elements of four bytes", (shape, size) => {
    expect(sizeOf(shape)).toBe(size);
    expect(bytesOf(shape)).toBe(4 * size);
  });

  it.each([
    ["float32", 4],
    ["float16", 2],
    ["bfloat16", 2],
    ["int32", 4],
    ["uint8", 1],
    ["bool", 1],
  ] as const)("an element of %s takes %d bytes", (dtype, bytes) => {
    expect(bytesOf([3, 5], dtype)).toBe(15 * bytes);
    if (dtype !== "bool") expect(zerosOf({ dtype, shape: [3, 5] }).data.byteLength).toBe(15 * bytes);
  });

  it("does not copy its data", () => {
    const [floats, ints] = [new Float32Array(6), new Int32Array(6)];
    expect(floatTensor([2, 3], floats)).toEqual({ dtype: "float32", shape: [2, 3], data: floats });
    expect(floatTensor([2, 3], floats).data).toBe(floats);
    expect(intTensor([6], ints).data).toBe(ints);
  });

  it("refuses data of another size", () => {
    expect(() => floatTensor([2, 3], new Float32Array(5))).toThrow(RangeError);
    expect(() => intTensor([], new Int32Array(2))).toThrow("shape [] has 1 elements, the data 2");
  });

  it("is filled with one value", () => {
    expect([...filled([2, 2], 0.5).data]).toEqual([0.5, 0.5, 0.5, 0.5]);
    expect([...zeros([3]).data]).toEqual([0, 0, 0]);
  });
});
