import fc from "fast-check";
import { expect, it } from "vitest";
import { createRng } from "../base/random.ts";
import { drawDistinct, drawPlaces, pick, shuffled } from "./draw.ts";

it("shuffles without loss, every order equally likely", () => {
  fc.assert(
    fc.property(fc.array(fc.nat()), fc.integer(), (values, seed) => {
      expect(shuffled(values, createRng(seed)).toSorted()).toEqual(values.toSorted());
    }),
  );
  const rng = createRng(1);
  const counts = new Map<string, number>();
  for (let i = 0; i < 6000; i++) {
    const order = shuffled(["a", "b", "c"], rng).join("");
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  expect(counts.size).toBe(6);
  for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(120);
});

it("draws different places in ascending order", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), fc.integer(), (limit, seed) => {
      const count = Math.ceil(limit / 2);
      const places = drawPlaces(limit, count, createRng(seed));
      expect(places.length).toBe(count);
      for (const [i, place] of places.entries()) {
        expect(place).toBeGreaterThan(places[i - 1] ?? -1);
        expect(place).toBeLessThan(limit);
      }
    }),
  );
});

it("picks from what there is", () => {
  const rng = createRng(2);
  expect(new Set(Array.from({ length: 50 }, () => pick([1, 2, 3], rng)))).toEqual(new Set([1, 2, 3]));
  expect(() => pick([], rng)).toThrow(RangeError);
  expect(drawDistinct(3, () => rng.integer(3)).toSorted()).toEqual([0, 1, 2]);
});
