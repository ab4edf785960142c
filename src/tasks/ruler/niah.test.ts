import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BOOK, sampleOf } from "../fixtures.ts";
import { niahTasks } from "./niah.ts";
import { ADJECTIVES, NOUNS } from "./words.ts";

const WORDS = /^[a-z]+-[a-z]+$/;
const NUMBER = /^[1-9]\d{6}$/;
const UUID = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/;
const GRASS = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again.";

/** The table of RULER's scripts/synthetic.yaml. */
const definition: Readonly<Record<string, [string, RegExp, RegExp, number, number, number]>> = {
  // haystack, keys, values, number of keys, values of a key, queries
  niah_single_1: ["noise", WORDS, NUMBER, 1, 1, 1],
  niah_single_2: ["essay", WORDS, NUMBER, 1, 1, 1],
  niah_single_3: ["essay", WORDS, UUID, 1, 1, 1],
  niah_multikey_1: ["essay", WORDS, NUMBER, 4, 1, 1],
  niah_multikey_2: ["needle", WORDS, NUMBER, 1, 1, 1],
  niah_multikey_3: ["needle", UUID, UUID, 1, 1, 1],
  niah_multivalue: ["essay", WORDS, NUMBER, 1, 4, 1],
  niah_multiquery: ["essay", WORDS, NUMBER, 4, 1, 4],
};

describe.each(niahTasks)("$name", (task) => {
  const [haystack, keyKind, valueKind, keyCount, valueCount, queries] = definition[task.name] ?? never();
  const hidden = keyCount * valueCount;

  it("hides and asks for what the definition says", () => {
    fc.assert(
      fc.property(fc.nat(5000), fc.nat(), (more, seed) => {
        const { prompt, references, answer } = sampleOf(task, task.minBytes + more, seed);
        const { needles, asked, context } = parse(prompt);
        for (const { type, key, value } of needles) {
          expect(type).toBe(valueKind === UUID ? "uuids" : "numbers");
          expect(key).toMatch(keyKind);
          expect(value).toMatch(valueKind);
        }
        expect(new Set(asked).size).toBe(queries);
        const found = asked.flatMap((key) => needles.filter((needle) => needle.key === key).map(({ value }) => value));
        expect(references).toEqual(found);
        expect(found.length).toBe(queries * valueCount);
        expect(answer).toBe(` ${found.join(", ")}.`);
        if (haystack === "needle") expect(needles.length).toBe(context.split("\n").length);
        else expect([needles.length, new Set(needles.map(({ key }) => key)).size]).toEqual([hidden, keyCount]);
      }),
      { numRuns: 40 },
    );
  });

  if (haystack !== "essay")
    it("has one needle or one sentence per line, and never a hidden needle in the last", () => {
      for (let seed = 0; seed < 40; seed++) {
        const { context, asked } = parse(sampleOf(task, 2500, seed).prompt);
        const lines = context.split("\n");
        const others = lines.filter((line) => !line.includes(` ${asked[0]} `));
        expect(others.length).toBe(lines.length - 1);
        expect(lines.at(-1)).not.toContain(` ${asked[0]} `);
        if (haystack === "noise") expect(new Set(others)).toEqual(new Set([GRASS]));
        else expect(new Set(others).size).toBe(others.length);
      }
    });

  if (haystack === "essay")
    it("hides between sentences, at different depths of the 40, in text of the book", () => {
      const depths = Array.from({ length: 40 }, (_, i) => Math.round((i * 100) / 39));
      for (let seed = 0; seed < 40; seed++) {
        const { context } = parse(sampleOf(task, 5000, seed).prompt);
        const parts = context.split(/One of the special magic \w+ for \S+ is: \S+\./);
        expect(parts.length).toBe(hidden + 1);
        const essay = parts.map((part) => part.trim()).filter((part) => part !== "");
        expect(BOOK.replaceAll(/\s+/g, " ")).toContain(essay.join(" "));
        const ends = (text: string): number => text.split(".").length - 1;
        const total = ends(essay.join(" ")) + (essay.at(-1)?.endsWith(".") ? 0 : 1);
        let before = 0;
        const places = parts.slice(0, -1).map((part) => {
          before += ends(part);
          // A depth of 100 % lies after the sentence that the end of the essay cuts.
          const cut = part.trim() !== "" && !part.endsWith(". ");
          return cut ? (before += 1) : before;
        });
        const possible = depths.map((depth) => Math.floor((total * depth) / 100));
        for (const place of places) expect(possible).toContain(place);
      }
    });

  it("hides everywhere", () => {
    const places = Array.from({ length: 120 }, (_, seed) => {
      const { context, asked } = parse(sampleOf(task, 4000, seed).prompt);
      return [...context.matchAll(new RegExp(` ${asked[0]} `, "g"))].map(({ index }) => index / context.length);
    }).flat();
    for (const part of [0, 1, 2, 3]) {
      const share = places.filter((place) => place >= part / 4 && place < (part + 1) / 4).length / places.length;
      expect(share).toBeGreaterThan(0.12);
    }
  });
});

it("asks in the singular for one value and in the plural for several, as the templates say", () => {
  const skeleton = (name: string): string => {
    const { prompt } = sampleOf(niahTasks.find((task) => task.name === name) ?? never(), 1000, 1);
    return prompt.replace(/\n[^]*\n/, "\n...\n").replaceAll(/[a-z]+-[a-z]+/g, "KEY");
  };
  expect(skeleton("niah_single_1")).toBe(
    "A special magic number is hidden within the following text. Make sure to memorize it. I will quiz you about the number afterwards.\n...\nWhat is the special magic number for KEY mentioned in the provided text? The special magic number for KEY mentioned in the provided text is",
  );
  expect(skeleton("niah_multiquery")).toBe(
    "Some special magic numbers are hidden within the following text. Make sure to memorize it. I will quiz you about the numbers afterwards.\n...\nWhat are all the special magic numbers for KEY, KEY, KEY, and KEY mentioned in the provided text? The special magic numbers for KEY, KEY, KEY, and KEY mentioned in the provided text are",
  );
});

it("scores the share of the values that an answer has", () => {
  const score = (answer: string, references: string[]) => niahTasks[6]?.score(answer, references);
  expect(score(" 1234567, 7654321.", ["1234567", "7654321", "1111111", "2222222"])).toBe(0.5);
  expect(score("x2222222x 1111111 ABC", ["abc", "2222222"])).toBe(1);
  expect(score("", ["1234567"])).toBe(0);
});

it("has adjectives and nouns without repeats, a hundred of each or more", () => {
  const words = [...ADJECTIVES, ...NOUNS];
  expect(Math.min(ADJECTIVES.length, NOUNS.length)).toBeGreaterThan(100);
  expect(new Set(words).size).toBe(words.length);
  for (const word of words) expect(word).toMatch(/^[a-z]{3,9}$/);
});

// --- internal ---

interface Needle {
  readonly type: string;
  readonly key: string;
  readonly value: string;
}

function parse(prompt: string): { context: string; needles: Needle[]; asked: string[] } {
  const [, context = "", query = ""] =
    /^[^\n]+ afterwards\.\n([^]*)\nWhat (?:is|are all) the special magic \w+ for ([^\n]+) mentioned in the provided text\? The/.exec(
      prompt,
    ) ?? [];
  const needles = [...context.matchAll(/One of the special magic (\w+) for (\S+) is: (\S+)\./g)].map(
    ([, type = "", key = "", value = ""]) => ({ type, key, value }),
  );
  return { context, needles, asked: query.split(/, and |, /) };
}

function never(): never {
  throw new Error("the task is not in the definition");
}
