import fc from "fast-check";
import { expect, it } from "vitest";
import { sampleOf } from "../fixtures.ts";
import { vtTask } from "./vt.ts";

const GRASS = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again.";

it("hides one chain of five assignments in its order, and asks for the names of its value", () => {
  fc.assert(
    fc.property(fc.nat(5000), fc.nat(), (more, seed) => {
      const { prompt, references, answer } = sampleOf(vtTask, vtTask.minBytes + more, seed);
      const [example = "", task = ""] = prompt.split(/\n\n(?=Memorize)/);
      const solved = run(example, /[A-Z]{3}/);
      expect(example).toContain(`they are:  ${solved.join(" ")}`);
      expect(example.endsWith(solved.at(-1) ?? "-")).toBe(true);
      expect(example.split(GRASS).length - 1).toBe(5);
      expect(run(task, /[A-Z]{5}/)).toEqual(references);
      expect(answer).toBe(` ${references.join(" ")}\n`);
      expect(task.endsWith(", they are: ")).toBe(true);
    }),
    { numRuns: 60 },
  );
});

it("leaves less than a line of its length unused", () => {
  for (const length of [1716, 1806, 1807, 4000, 9999]) {
    expect(length - sampleOf(vtTask, length, 1).prompt.length).toBeLessThan(GRASS.length + 1);
  }
});

it("spreads the chain over the whole text", () => {
  const places = Array.from({ length: 60 }, (_, seed) => {
    const { prompt, references } = sampleOf(vtTask, 8000, seed);
    const start = prompt.lastIndexOf("Memorize");
    return [references[0], references[4]].map(
      (name) => (prompt.indexOf(`VAR ${name} =`) - start) / (prompt.length - start),
    );
  });
  expect(places.filter(([first = 0]) => first < 0.25).length).toBeGreaterThan(30);
  expect(places.filter(([, last = 0]) => last > 0.75).length).toBeGreaterThan(30);
});

it("scores the share of the names", () => {
  expect(vtTask.score(" ABCDE, FGHIJ", ["ABCDE", "FGHIJ", "KLMNO", "PQRST", "UVWXY"])).toBeCloseTo(0.4, 12);
});

// --- internal ---

/** Runs the assignments line by line, and gives the names that have the value that is asked for, in that order. */
function run(block: string, name: RegExp): string[] {
  const [, context = "", question = ""] =
    /^Memorize and track the chain\(s\) of variable assignment hidden in the following text\.\n\n([^]*)\n(Question: [^\n]*)/.exec(
      block,
    ) ?? [];
  expect(`${context}\n`).not.toMatch(/VAR [^\n]*\n(VAR|$)/); // each before a line of its own
  const values = new Map<string, string>();
  for (const line of context.split("\n")) {
    const [, to, number, from] = /^VAR ([A-Z]+) = (?:([1-9]\d{4})|VAR ([A-Z]+) )$/.exec(line) ?? [];
    if (to === undefined) {
      expect(line).toBe(GRASS);
      continue;
    }
    expect(to).toMatch(new RegExp(`^${name.source}$`));
    expect(values.has(to)).toBe(false);
    values.set(to, number ?? values.get(from ?? "") ?? "none");
  }
  const [, value = ""] = /^Question: Find all variables that are assigned the value (\d+) in/.exec(question) ?? [];
  expect(question).toContain(` 5 variables are assigned the value ${value}, they are: `);
  expect(values.size).toBe(5);
  return [...values].filter(([, held]) => held === value).map(([to]) => to);
}
