import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { input, matmul, sum } from "./builder.ts";
import { apply, GraphError, isOp } from "./tensor.ts";

describe("apply", () => {
  it("names the op, the shapes and the caller's line when operands do not fit", () => {
    const [a, b] = [input("a", [2, 3]), input("b", [4, 5])];
    const message = messageOf(() => matmul(a, b)); // the line to be named
    expect(message).toMatch(/^matmul\(float32\[2, 3\], float32\[4, 5\]\): inner sizes 3 and 4 differ \(at /);
    const line = message.match(/tensor\.test\.ts:(\d+):\d+\)$/)?.[1];
    const source = readFileSync(fileURLToPath(import.meta.url), "utf8").split("\n");
    expect(source[Number(line) - 1]).toContain("the line to be named");
  });

  it("throws GraphError", () => {
    expect(() => matmul(input("a", [1]), input("b", [1]))).toThrow(GraphError);
  });

  it("keeps the operands and the attributes", () => {
    const a = input("a", [2]);
    expect(apply("sum", [a], { axes: [0], keepAxes: true })).toEqual({
      op: "sum",
      inputs: [a],
      attributes: { axes: [0], keepAxes: true },
      shape: [1],
      dtype: "float32",
    });
  });
});

describe("isOp", () => {
  it("tells operations apart", () => {
    const total = sum(input("x", [2]));
    expect(isOp(total, "sum")).toBe(true);
    expect(isOp(total, "input")).toBe(false);
  });
});

// --- internal ---

function messageOf(build: () => unknown): string {
  try {
    build();
    return "nothing was thrown";
  } catch (error) {
    return String((error as Error).message);
  }
}
