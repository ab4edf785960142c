import fc from "fast-check";
import { expect, it } from "vitest";
import { sampleOf } from "../fixtures.ts";
import { fweTask } from "./fwe.ts";

it("has words whose counts fall with the square of their rank, dots first, and asks for the next three", () => {
  fc.assert(
    fc.property(fc.integer({ min: fweTask.minBytes, max: 20_000 }), fc.nat(), (length, seed) => {
      const { prompt, references, answer } = sampleOf(fweTask, length, seed);
      const counts = countWords(prompt);
      const [[dots = "", most = 0] = [], ...words] = counts;
      expect(dots).toBe("...");
      for (const [word] of words) expect(word).toMatch(/^[a-z]{6}$/);
      expect(words.slice(0, 3).map(([word]) => word)).toEqual(references);
      expect(answer).toBe(` ${references.join(" ")}.`);
      const [second = 0, third = 0, fourth = 0, fifth = 0] = words.map(([, times]) => times);
      expect(most > second && second > third && third > fourth && fourth > fifth).toBe(true);
      expect(zipf(counts.map(([, times]) => times))).toBe(true);
    }),
    { numRuns: 60 },
  );
});

it("leaves no room for the counts of more words", () => {
  for (const length of [700, 1000, 5000, 20_000]) {
    const left = length - sampleOf(fweTask, length, 1).prompt.length;
    expect(left).toBeLessThan(25); // a few ranks may go up at the same time
  }
});

it("shuffles", () => {
  const halves = sampleOf(fweTask, 8000, 1).prompt.split(" ... ");
  const words = halves.slice(0, halves.length / 2).join(" ");
  const [word] = sampleOf(fweTask, 8000, 1).references;
  const share = (words.split(word ?? "-").length - 1) / (countWords(sampleOf(fweTask, 8000, 1).prompt)[1]?.[1] ?? NaN);
  expect(Math.abs(share - 0.5)).toBeLessThan(0.15);
});

it("scores the share of the words", () => {
  expect(fweTask.score(" abcdef ghijkl.", ["abcdef", "ghijkl", "mnopqr"])).toBeCloseTo(2 / 3, 12);
});

// --- internal ---

function countWords(prompt: string): [string, number][] {
  const [, text = ""] = /coded words\. ([^\n]*)\nQuestion: Do not provide/.exec(prompt) ?? [];
  const counts = new Map<string, number>();
  for (const word of text.split(" ")) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].toSorted(([, a], [, b]) => b - a);
}

/** Whether some number of words gives these counts: floor(words / rank^2 / zeta(2)). */
function zipf(counts: readonly number[]): boolean {
  const zeta = Math.PI ** 2 / 6;
  const [most = 0] = counts;
  const candidates = Array.from({ length: 5 }, (_, i) => Math.floor(most * zeta) - 1 + i);
  return candidates.some((words) => counts.every((times, i) => times === Math.floor(words / (i + 1) ** 2 / zeta)));
}
