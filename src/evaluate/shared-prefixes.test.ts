import { OptionError } from "../base/errors.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sharedStretches, stretchTokens, type LanePrompt } from "./shared-prefixes.ts";

const text = (...lanes: string[]): LanePrompt => lanes.map((lane) => new TextEncoder().encode(lane));

/** Prompts of one to three lanes over two letters, so that many begin alike. */
const prompts = fc.integer({ min: 1, max: 3 }).chain((lanes) =>
  fc.array(
    fc.integer({ min: 1, max: 7 }).chain((length) =>
      fc.array(fc.uint8Array({ minLength: length, maxLength: length, max: 1 }), {
        minLength: lanes,
        maxLength: lanes,
      }),
    ),
    { minLength: 1, maxLength: 9 },
  ),
);

describe("sharedStretches", () => {
  it("reads a common beginning once, depth first", () => {
    expect(sharedStretches([text("abcd"), text("abxy"), text("abxyz"), text("q")])).toEqual([
      { from: 0, to: 2, prompts: [0, 1, 2], ending: [] },
      { from: 2, to: 4, prompts: [0], ending: [0] },
      { from: 2, to: 4, prompts: [1, 2], ending: [1] },
      { from: 4, to: 5, prompts: [2], ending: [2] },
      { from: 0, to: 1, prompts: [3], ending: [3] },
    ]);
  });

  it("splits where the first lane diverges, and asks equal prompts at the same place", () => {
    expect(sharedStretches([text("aaaa", "aaba"), text("aaac", "aaaa"), text("aaaa", "aaba")])).toEqual([
      { from: 0, to: 2, prompts: [0, 1, 2], ending: [] },
      { from: 2, to: 4, prompts: [0, 2], ending: [0, 2] },
      { from: 2, to: 4, prompts: [1], ending: [1] },
    ]);
  });

  it("yields each prompt along its path, from the last state kept at each place", () => {
    fc.assert(
      fc.property(prompts, (given) => {
        const kept = new Map<number, number[][]>([[0, (given[0] ?? []).map(() => [])]]);
        const ended = new Map<number, number[][]>();
        for (const { from, to, prompts: below, ending } of sharedStretches(given)) {
          expect(to).toBeGreaterThan(from);
          const source = given[below[0] ?? -1] ?? [];
          const read = source.map((lane, i) => [...(kept.get(from)?.[i] ?? []), ...lane.subarray(from, to)]);
          kept.set(to, read);
          for (const number of ending) ended.set(number, read);
        }
        given.forEach((prompt, i) => expect(ended.get(i)).toEqual(prompt.map((lane) => [...lane])));
      }),
    );
  });

  it("reads no more than the tree of all prefixes has nodes", () => {
    fc.assert(
      fc.property(prompts, (given) => {
        const prefixes = given.flatMap((prompt) =>
          Array.from({ length: prompt[0]?.length ?? 0 }, (_, i) =>
            prompt.map((lane) => lane.subarray(0, i + 1).join("")).join(),
          ),
        );
        expect(stretchTokens(sharedStretches(given))).toBe(new Set(prefixes).size);
      }),
    );
  });

  it.each<[string, LanePrompt[], RegExp]>([
    ["no tokens", [text("a"), text("")], /prompt 1 has no tokens/],
    ["no lanes", [[]], /prompt 0 has no tokens/],
    ["another number of lanes", [text("a", "b"), text("a")], /prompt 1 has 1 lanes, the first has 2/],
    ["lanes of two lengths", [text("a", "bc")], /the lanes of prompt 0 have 1 and 2 tokens/],
  ])("refuses a prompt with %s", (_, given, problem) => {
    expect(() => sharedStretches(given)).toThrow(problem);
    expect(() => sharedStretches(given)).toThrow(OptionError);
  });
});
