import { describe, expect, it } from "vitest";
import {
  add,
  concat,
  gather,
  input,
  less,
  matmul,
  matrixTranspose,
  mul,
  reshape,
  scalar,
  slice,
  square,
  transpose,
  where,
} from "../builder.ts";
import { createGraph } from "../graph.ts";
import type { Tensor } from "../tensor.ts";
import { trafficOf } from "./traffic.ts";

const x = input("x", [2, 3]); // 24 bytes
const traffic = (...results: Tensor[]): ReturnType<typeof trafficOf> =>
  trafficOf(createGraph(Object.fromEntries(results.map((result, i) => [`y${i}`, result]))));

describe("trafficOf", () => {
  it.each<[string, Tensor, number]>([
    ["operands and the result", matmul(x, input("w", [3, 4])), 24 + 48 + 32],
    ["a broadcast operand unexpanded", add(x, scalar(1)), 24 + 4 + 24],
    ["an operand that is read twice once", square(x), 24 + 24],
    ["conditions by the byte", where(less(x, 0), x, 0), 24 + 4 + 6 + (6 + 24 + 4 + 24)],
    ["all parts of a concatenation", concat([x, x, input("y", [1, 3])], 0), 24 + 12 + 60],
    ["only the taken part of a slice", slice(x, 0, 0, 1), 12 + 12],
    ["only the rows read from a table", gather(input("t", [100, 3]), input("i", [2], "int32")), 24 + 24 + 8],
    ["views as nothing", reshape(x, [6]), 0],
  ])("counts %s", (_, result, bytes) => {
    expect(traffic(result).bytes).toBe(bytes);
  });

  it("counts a matrix that is transposed only for products as stored, and any other as an operation", () => {
    const [w, y] = [matrixTranspose(input("w", [4, 3])), input("y", [1, 3])];
    expect(traffic(matmul(x, w), matmul(y, w))).toEqual({ operations: 2, bytes: 24 + 48 + 32 + (12 + 48 + 16) });
    expect(traffic(matmul(x, w), w)).toEqual({ operations: 2, bytes: 24 + 48 + 32 + (48 + 48) });
    expect(traffic(matmul(x, w), mul(w, 2)).operations).toBe(3);
    expect(traffic(matmul(x, transpose(input("v", [3, 1, 4]), [1, 0, 2]))).operations).toBe(2);
  });

  it("counts an operation once, however often it is read, and no sources", () => {
    const y = mul(x, 2);
    expect(traffic(add(y, y), reshape(y, [6]))).toEqual({ operations: 3, bytes: 24 + 4 + 24 + (24 + 24) });
    expect(traffic(x)).toEqual({ operations: 0, bytes: 0 });
  });
});
