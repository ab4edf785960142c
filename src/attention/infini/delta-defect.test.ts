import { describe, expect, it } from "vitest";
import { evaluate } from "../../engine/reference.ts";
import { constant, matmul } from "../../graph/builder.ts";
import { createGraph } from "../../graph/graph.ts";
import { filled, floatTensor, zeros } from "../../graph/host-tensor.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { mapTree } from "../../graph/tree.ts";
import type { InfiniConfig } from "./config.ts";
import { memoryRules } from "./memory.ts";
import type { MemoryState } from "./rule.ts";
import { unitFeatures } from "./token-delta.ts";

const WRITES = 8;
const d = 4;
const VALUE = [1, -2, 3, 0.5];
const KEY = [0.3, -1, 2, 0.7];

/** The same pair of key and value, alone in its segment, again and again: keys or values [1, S, 1, 1, d]. */
const repeated = (row: readonly number[]): Tensor =>
  constant(floatTensor([1, WRITES + 1, 1, 1, d], Float32Array.from({ length: (WRITES + 1) * d }, (_, i) => row[i % d] ?? 0)));

/** What is read with the key before each segment, as a multiple of the value; exact multiples only. */
function readsOf(update: InfiniConfig["memory"]["update"], read: (before: MemoryState<Tensor>, keys: Tensor) => Tensor): number[] {
  const [keys, values] = [repeated(KEY), repeated(VALUE)];
  const strengths = constant(filled([1, WRITES + 1, 1, 1, 1], 1));
  const shapes = update === "token-delta" ? { M: zeros([1, 1, d, d]) } : { M: zeros([1, 1, d, d]), z: zeros([1, 1, d]) };
  const empty = mapTree<MemoryState<Tensor>>(shapes, ({ shape }) => constant(zeros(shape)));
  const { before } = memoryRules[update].write(empty, { keys, values, strengths });
  const data = Array.from(evaluate(createGraph({ read: read(before, keys) }), {}).read?.data ?? []);
  return Array.from({ length: WRITES }, (_, i) => {
    const shares = VALUE.map((value, j) => (data[(i + 1) * d + j] ?? NaN) / value);
    for (const share of shares) expect(share).toBeCloseTo(shares[0] ?? NaN, 5);
    return shares[0] ?? NaN;
  });
}

const normalized = { normEpsilon: 1e-6 };

describe("a pair that is written again and again", () => {
  it("is read at half its value under eq. 9: what is known is not stored again, but z grows all the same", () => {
    const reads = readsOf("delta", (before, keys) => memoryRules.delta.read(before, keys, normalized));
    expect(reads[0]).toBeCloseTo(1, 5);
    for (const share of reads.slice(1)) expect(share).toBeCloseTo(0.5, 5);
  });

  it("keeps its value under eq. 8, where M and z grow together", () => {
    for (const share of readsOf("linear", (before, keys) => memoryRules.linear.read(before, keys, normalized))) expect(share).toBeCloseTo(1, 5);
  });

  it("keeps its value under the delta rule for each token, which needs no z", () => {
    for (const share of readsOf("token-delta", ({ M }, keys) => matmul(unitFeatures(keys), M))) expect(share).toBeCloseTo(1, 5);
  });
});
