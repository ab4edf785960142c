import { OptionError } from "../base/errors.ts";
import fc from "fast-check";
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { bytesOf, sampleOf } from "./fixtures.ts";
import { RECALL_NAMES, recallTasksOf } from "./recall-tasks.ts";

const tasks = recallTasksOf(["ruler", "babilong"]);

describe("recallTasksOf", () => {
  it("has RULER's tasks that need no download and BABILong's first three", () => {
    expect(tasks.map(({ name }) => name)).toEqual([
      "niah_single_1",
      "niah_single_2",
      "niah_single_3",
      "niah_multikey_1",
      "niah_multikey_2",
      "niah_multikey_3",
      "niah_multivalue",
      "niah_multiquery",
      "vt",
      "cwe",
      "fwe",
      "babilong_qa1",
      "babilong_qa2",
      "babilong_qa3",
    ]);
    expect(RECALL_NAMES).toEqual(["ruler", "babilong", ...tasks.map(({ name }) => name)]);
  });

  it("gives each task once, in the order of the names", () => {
    expect(recallTasksOf(["vt", "babilong", "babilong_qa2", "vt"]).map(({ name }) => name)).toEqual([
      "vt",
      "babilong_qa1",
      "babilong_qa2",
      "babilong_qa3",
    ]);
  });

  it("refuses an unknown name", () => {
    expect(() => recallTasksOf(["vt", "niah_singel_1"])).toThrow(
      new OptionError('"niah_singel_1" is not a recall task (did you mean "niah_single_1"?)'),
    );
  });
});

describe.each(tasks)("$name", (task) => {
  it("fits into every length from the shortest, and is refused below", () => {
    fc.assert(
      fc.property(fc.oneof(fc.constant(0), fc.nat(6000)), fc.nat(), (more, seed) => {
        const length = task.minBytes + more;
        const { prompt, references, answer } = sampleOf(task, length, seed);
        expect(bytesOf(prompt)).toBeLessThanOrEqual(length);
        expect(bytesOf(prompt)).toBeGreaterThan(length - 120); // less than one line of any haystack
        expect(prompt).not.toContain("\ufffd");
        expect(bytesOf(answer)).toBeLessThanOrEqual(task.answerBytes);
        expect(answer).toMatch(/^ .*[.\n]$/);
        expect(task.score(answer, references)).toBe(1);
        expect(task.score(" I do not know.", references)).toBe(0);
      }),
      { numRuns: 60 },
    );
    for (const length of [0, task.minBytes - 1, Number.NaN]) {
      expect(() => sampleOf(task, length, 1)).toThrow(
        new OptionError(`${task.name} needs at least ${task.minBytes} bytes, got ${length}`),
      );
    }
  });

  it("depends only on its source of random numbers, and on all of it", () => {
    const draw = (seed: number) => sampleOf(task, 4096, seed);
    expect(draw(1)).toEqual(draw(1));
    const answers = Array.from({ length: 30 }, (_, seed) => draw(seed).answer);
    expect(new Set(answers).size).toBeGreaterThan(task.name.startsWith("babilong") ? 4 : 29);
  });

  it("reads the book only where it says so", () => {
    const prompt = sampleOf(task, 5000, 1).prompt;
    expect(prompt.includes("one of very many")).toBe(task.readsText);
  });
});

it("changes no text without a new version", () => {
  const digests = tasks.map((task) => {
    const hash = createHash("sha256");
    for (const length of [task.minBytes, 5000, 20_000]) hash.update(JSON.stringify(sampleOf(task, length, 1)));
    return `${task.name} version ${task.version}: ${hash.digest("hex").slice(0, 12)}`;
  });
  expect(digests).toMatchInlineSnapshot(`
    [
      "niah_single_1 version 1: f8bfce60c600",
      "niah_single_2 version 1: 666c9a2e2516",
      "niah_single_3 version 1: 26d139df8ff9",
      "niah_multikey_1 version 1: 2f885084cd4c",
      "niah_multikey_2 version 1: 4b9f96d0811c",
      "niah_multikey_3 version 1: eec570f86b16",
      "niah_multivalue version 1: f5cc0c19112b",
      "niah_multiquery version 1: 5a6b02fc1263",
      "vt version 1: 4f635c170806",
      "cwe version 1: a1a1fc4d93a5",
      "fwe version 1: 644498f99933",
      "babilong_qa1 version 1: 9318b772b59f",
      "babilong_qa2 version 1: daa8739b7f71",
      "babilong_qa3 version 1: 452cacd2b247",
    ]
  `);
});
