import { describe, expect, it } from "vitest";
import { evaluate, type NumericTensor } from "../../engine/reference/reference.ts";
import { constant, input, matmul } from "../../graph/builder.ts";
import { createGraph } from "../../graph/graph.ts";
import { filled, floatTensor } from "../../tensor/host-tensor.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { flatten, mapTree } from "../../tensor/tree.ts";
import type { MemoryUpdate } from "./config.ts";
import { featureMaps } from "./features.ts";
import { memoryRules } from "./memory.ts";
import type { MemoryState } from "./rule.ts";

/*
 * A pair (k, v) that is written again and again. Under eq. 9 the memory M does not change once it holds the
 * pair, but z, by which reads are divided, grows with every write. Counted in keys, with z = Z sigma(k) and n
 * copies in a segment, a read r of the pair goes on as r' = (r Z + n (v - r)) / (Z + n), whose fixed point is v / 2.
 */

const KEY = [0.3, -1, 2, 0.7];
const VALUE = [1, -2, 3, 0.5];
const d = KEY.length;

describe.each([1, 4])("a pair written in segments of %i copies", (copies) => {
  it("keeps its value under eq. 8, where M and z grow alike", () => {
    expectShares(
      readsOf(
        "linear",
        Array.from({ length: 6 }, () => copies),
      ),
      [1, 1, 1, 1, 1, 1],
    );
  });

  it("falls to half its value under eq. 9", () => {
    expectShares(
      readsOf(
        "delta",
        Array.from({ length: 6 }, () => copies),
      ),
      [1, 0.5, 0.5, 0.5, 0.5, 0.5],
    );
  });

  it("keeps its value under eq. 9 with the corrected normalizer", () => {
    expectShares(
      readsOf(
        "delta-corrected",
        Array.from({ length: 6 }, () => copies),
      ),
      [1, 1, 1, 1, 1, 1],
    );
  });

  it("leaves M as it is when eq. 9 writes it again, and doubles z", () => {
    const once = write("delta", empty("delta"), copies);
    const twice = write("delta", once, copies);
    expectEqual(twice["M"], once["M"], 1);
    expectEqual(twice["z"], once["z"], 2);
  });

  it("leaves M and z as they are when the corrected rule writes it again", () => {
    const once = write("delta-corrected", empty("delta-corrected"), copies);
    const twice = write("delta-corrected", once, copies);
    expectEqual(twice["M"], once["M"], 1);
    expectEqual(twice["z"], once["z"], 1);
  });

  it.each(["token-delta", "gated-token-delta"] as const)("keeps its value under %s", (update) => {
    expectShares(
      readsOf(
        update,
        Array.from({ length: 6 }, () => copies),
      ),
      [1, 1, 1, 1, 1, 1],
    );
  });

  it("comes closer to its value with every weak write of the delta rule of each token", () => {
    const weak = readsOf(
      "token-delta",
      Array.from({ length: 6 }, () => copies),
      0.3,
    );
    expectShares(
      weak,
      weak.map((_, i) => 1 - 0.7 ** (copies * (i + 1))),
    );
  });

  it("is read as a vector of one size under token-delta, however often it was written", () => {
    const expected = VALUE.map((value) => value / Math.hypot(...VALUE.map((v) => v / 2))); // divided by its root mean square
    let memory = empty("token-delta");
    for (let i = 0; i < 6; i++) {
      memory = write("token-delta", memory, copies);
      read("token-delta", memory).forEach((value, j) => expect(value).toBeCloseTo(expected[j] ?? NaN, 5));
    }
  });
});

describe("a pair that is well known", () => {
  const known = 5; // writes by eq. 8
  const memory = Array.from({ length: known }).reduce<Values>((before) => write("linear", before, 1), empty("linear"));

  it("is forgotten gradually, as the algebra says, down to half under eq. 9", () => {
    const shares = readsOf(
      "delta",
      Array.from({ length: 60 }, () => 1),
      1,
      memory,
    );
    let r = 1;
    const expected = shares.map((_, i) => (r = (r * (known + i) + (1 - r)) / (known + i + 1)));
    expectShares(shares, expected);
    expect(shares.every((share, i) => share > 0.5 && share < (shares[i - 1] ?? 1))).toBe(true);
    expect(shares.at(-1)).toBeLessThan(0.51);
  });

  it("keeps its value under eq. 8", () => {
    const shares = readsOf(
      "linear",
      Array.from({ length: 60 }, () => 1),
      1,
      memory,
    );
    expectShares(
      shares,
      shares.map(() => 1),
    );
  });
});

// --- internal ---

type Values = Readonly<Record<string, NumericTensor>>;

type Rule = Exclude<MemoryUpdate, "none">;

const formOf = (update: Rule): MemoryState<{ readonly shape: readonly number[] }> =>
  memoryRules[update].initialState({ batch: 1, heads: 1, featureDim: d, valueDim: d });

/** The key as the rule wants it. */
const keyOf = (update: Rule, rows: Tensor): Tensor =>
  featureMaps[memoryRules[update].unitKeys ? "silu-l2" : "elu-plus-one"].apply(rows);

function empty(update: Rule): Values {
  return flatten<NumericTensor>(formOf(update));
}

/** The memory after one more segment of copies of the pair. */
function write(update: Rule, memory: Values, copies: number, strength = 1): Values {
  const before = mapTree<MemoryState<Tensor>>(formOf(update), ({ shape }, name) => input(name, shape));
  const many = (row: readonly number[]): Tensor => {
    const data = Float32Array.from({ length: copies * d }, (_, i) => row[i % d] ?? 0);
    return constant(floatTensor([1, 1, 1, copies, d], data));
  };
  const [full, none] = [strength, 0].map((value) => constant(filled([1, 1, 1, copies, 1], value))) as [Tensor, Tensor];
  const strengths = { write: full, ...(update === "gated-token-delta" && { erase: full, forget: none }) };
  const { after } = memoryRules[update].write(before, {
    keys: keyOf(update, many(KEY)),
    values: many(VALUE),
    strengths,
  });
  const next = Object.entries(flatten<Tensor>(after)).map(([name, tensor]) => [`next.${name}`, tensor] as const);
  const results = Object.entries(evaluate(createGraph(Object.fromEntries(next)), memory));
  return Object.fromEntries(results.map(([name, value]) => [name.replace("next.", ""), value]));
}

/** What the memory gives for the key; with `raw`, before it is normalised. */
function read(update: Rule, memory: Values, raw = false): number[] {
  const before = mapTree<MemoryState<Tensor>>(formOf(update), ({ shape }, name) => input(name, [1, ...shape]));
  const fed = Object.entries(memory).map(([name, { shape, data }]) => [name, { shape: [1, ...shape], data }] as const);
  const query = constant(floatTensor([1, 1, 1, 1, d], Float32Array.from(KEY)));
  const params = { readScale: constant(filled([d], 1)), normEpsilon: 1e-6 };
  const features = keyOf(update, query);
  const found = raw ? matmul(features, before.M) : memoryRules[update].read(before, features, params);
  return Array.from(evaluate(createGraph({ found }), Object.fromEntries(fed))["found"]?.data ?? []);
}

/** What is read after each of several segments, as a share of the value. */
function readsOf(update: Rule, segments: readonly number[], strength = 1, start = empty(update)): number[] {
  let memory = start;
  return segments.map((copies) => {
    memory = write(update, memory, copies, strength);
    const shares = read(update, memory, memoryRules[update].unitKeys).map((found, i) => found / (VALUE[i] ?? NaN));
    const [share = NaN] = shares;
    for (const other of shares) expect(other).toBeCloseTo(share, 5);
    return share;
  });
}

function expectShares(actual: readonly number[], expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length);
  actual.forEach((share, i) => expect(share).toBeCloseTo(expected[i] ?? NaN, 5));
}

function expectEqual(actual: NumericTensor | undefined, other: NumericTensor | undefined, factor: number): void {
  expect(actual?.data.length).toBe(other?.data.length);
  Array.from(actual?.data ?? []).forEach((value, i) => expect(value).toBeCloseTo(factor * (other?.data[i] ?? NaN), 5));
}
