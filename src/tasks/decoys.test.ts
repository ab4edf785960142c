import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRng } from "../base/random.ts";
import { decodeTokens, encodeText } from "../text/bytes.ts";
import { withDecoys } from "./decoys.ts";

const text = Uint8Array.from(encodeText("call me ishmael some years ago never mind how long ".repeat(20)));
const numbersIn = (bytes: Uint8Array): string[] => decodeTokens(bytes).match(/\d+/g) ?? [];

describe("withDecoys", () => {
  it("keeps the length, does not change the original text and adds at most the requested count of numbers", () => {
    const before = text.slice();
    fc.assert(
      fc.property(fc.integer(), fc.nat(12), (seed, most) => {
        const changed = withDecoys(text, most, createRng(seed));
        expect(changed.length).toBe(text.length);
        expect(text).toEqual(before);
        const numbers = numbersIn(changed);
        expect(numbers.length).toBeLessThanOrEqual(most);
        // Two may overlap, but then one of them cuts the other off.
        for (const number of numbers) expect(number.length).toBeLessThanOrEqual(10);
      }),
    );
  });

  it("has numbers of every length from one digit to five, and any count up to the maximum", () => {
    const draws = Array.from({ length: 300 }, (_, seed) => numbersIn(withDecoys(text, 3, createRng(seed))));
    expect([...new Set(draws.map((numbers) => numbers.length))].toSorted()).toEqual([0, 1, 2, 3]);
    expect(new Set(draws.flat().map((number) => number.length))).toEqual(new Set([1, 2, 3, 4, 5]));
  });

  it("leaves a text unchanged that is too short for a number", () => {
    expect(withDecoys(Uint8Array.of(97), 5, createRng(1))).toEqual(Uint8Array.of(97));
  });
});
