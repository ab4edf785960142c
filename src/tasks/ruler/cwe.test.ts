import fc from "fast-check";
import { expect, it } from "vitest";
import { sampleOf } from "../fixtures.ts";
import { cweTask } from "./cwe.ts";

const BORDER = 4 * 4096;

it.each([
  ["below the border", cweTask.minBytes, BORDER - 1, [3, 1, 20], [6, 1]],
  ["from the border on", BORDER, BORDER + 9000, [10, 3, 40], [30, 3]],
])("repeats ten words more often than all others, %s", (_, min, max, [exCommon, exOther, exWords], repeats) => {
  fc.assert(
    fc.property(fc.integer({ min, max }), fc.nat(), (length, seed) => {
      const { prompt, references, answer } = sampleOf(cweTask, length, seed);
      const [example = "", task = ""] = prompt.split(/\n(?=Below is)/);
      const [shown, asked] = [count(example), count(task)];
      expect([shown.common.length, shown.repeats, shown.words]).toEqual([10, [exCommon, exOther], exWords]);
      expect(example.endsWith(` in the list are: ${written(shown.common)}`)).toBe(true);
      expect(asked.common.length).toBe(10);
      if (asked.words > 10) expect(asked.repeats).toEqual(repeats);
      expect(references).toEqual(asked.common);
      expect(answer).toBe(` ${written(asked.common)}\n`);
      expect(task.endsWith(" in the list are:")).toBe(true);
    }),
    { numRuns: 25 },
  );
});

it("leaves less of its length unused than the repeats of one word", () => {
  for (const [length, room] of [
    [2500, 14],
    [9000, 25],
    [20_000, 3 * 25],
  ] as const) {
    expect(length - sampleOf(cweTask, length, 2).prompt.length).toBeLessThan(room);
  }
});

it("takes single words while there are enough of them, otherwise pairs", () => {
  const list = (length: number): string => sampleOf(cweTask, length, 3).prompt.split(/\n(?=Below is)/)[1] ?? "";
  expect(list(6000)).not.toMatch(/\d\. [a-z]+-[a-z]+/);
  const words = list(15_000).match(/(?<=\d\. )\S+/g) ?? [];
  expect(words.every((word) => /^[a-z]+-[a-z]+$/.test(word))).toBe(true);
});

it("scores the share of the words", () => {
  const words = "a1 b2 c3 d4 e5 f6 g7 h8 i9 j0".split(" ");
  expect(cweTask.score(" 1. A1 2. b2 3. c3", words)).toBeCloseTo(0.3, 12);
});

// --- internal ---

function written(words: readonly string[]): string {
  return words.map((word, i) => `${i + 1}. ${word}`).join(" ");
}

/**
 * What a numbered list has: its most frequent words in order of appearance, and how often they and all others stand.
 */
function count(block: string): { common: string[]; repeats: number[]; words: number } {
  const [, list = ""] = /\n([^\n]*)\nQuestion: What are the 10 most common words/.exec(block) ?? [];
  const entries = [...list.matchAll(/(\d+)\. (\S+)/g)];
  expect(entries.map(([entry]) => entry).join(" ")).toBe(list);
  expect(entries.map(([, number]) => Number(number))).toEqual(entries.map((_, i) => i + 1));
  const counts = new Map<string, number>();
  for (const [, , word = ""] of entries) counts.set(word, (counts.get(word) ?? 0) + 1);
  const most = Math.max(...counts.values());
  const common = [...counts].filter(([, times]) => times === most).map(([word]) => word);
  return { common, repeats: [...new Set(counts.values())].toSorted((a, b) => b - a), words: counts.size };
}
