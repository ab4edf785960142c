import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRng } from "../base/random.ts";
import { decodeTokens } from "../text/bytes.ts";
import { copySequence } from "./copy.ts";

describe("copySequence", () => {
  it("weights exactly what an earlier copy predicts, after its first three characters", () => {
    fc.assert(
      fc.property(fc.nat(600), fc.integer(), (length, seed) => {
        const { tokens, weights } = copySequence(length, createRng(seed));
        expect([tokens.length, weights.length]).toEqual([length + 1, length]);
        const lines = decodeTokens(tokens).split("\n");
        const expected = lines.flatMap((line, i) => {
          const repeated = lines.slice(0, i).some((earlier) => line.length > 3 && earlier.startsWith(line));
          return [...line, "\n"].map((_, j) => (repeated && j >= 3 && j < line.length ? 1 : 0));
        });
        expect([...weights]).toEqual(expected.slice(1, length + 1));
      }),
    );
  });

  it("has lines of the alphabet, about half of which are repeats of near and far ones", () => {
    const lines = decodeTokens(copySequence(40_000, createRng(1)).tokens)
      .split("\n")
      .slice(0, -1);
    expect(lines.every((line) => /^[a-z0-9]{8,}$/.test(line))).toBe(true);
    const distances = lines.map((line, i) => i - lines.indexOf(line)).filter((distance) => distance > 0);
    expect(distances.length / lines.length).toBeCloseTo(0.5, 1);
    expect(Math.max(...distances)).toBeGreaterThan(lines.length / 2);
  });

  it("gives the rest the requested weight", () => {
    const [plain, weighted] = [copySequence(300, createRng(2)), copySequence(300, createRng(2), { textWeight: 0.5 })];
    expect(weighted.tokens).toEqual(plain.tokens);
    expect(weighted.weights).toEqual(plain.weights.map((weight) => weight || 0.5));
  });
});
