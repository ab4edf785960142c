import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeTokens, encodeText } from "../../text/bytes.ts";
import { BOOK } from "../../tasks/fixtures.ts";
import { createBatches } from "./batches.ts";
import { mixtureSchema } from "./mixture.ts";
import { placeExchanges } from "../../tasks/placement.ts";

const documents = [{ name: "book", tokens: Uint8Array.from(encodeText(BOOK)) }];
const plain = { answerWeight: 8, textWeight: 0.5 };

describe("placeExchanges", () => {
  it("puts exchanges one after the other before what trails, and weights their answers", () => {
    const exchanges = ["ask?yes", "well?no"].map((text) => {
      const [prompt = "", answer = ""] = text.split("?");
      return { prompt: encodeText(`${prompt}?`), answer: encodeText(answer) };
    });
    const filler = (size: number): Uint8Array => new Uint8Array(size).fill(46);
    const { tokens, weights } = placeExchanges(exchanges, { length: 19, trailing: 2, filler, ...plain });
    expect(decodeTokens(tokens)).toBe("....ask?yeswell?no..");
    const marks = [...weights].map((weight) => (weight === 8 ? "^" : ".")).join("");
    expect(`.${marks}`).toBe("........^^^.....^^..");
  });
});

describe("the recall task", () => {
  it("ends with a prompt of one of its tasks and the answer, which is what answerWeight is for", () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 700, max: 1500 }), (seed, length) => {
        const { text, answers } = laneOf({ names: ["niah_single_1", "babilong_qa2"] }, { seed, length });
        const [asked, answer = ""] =
          /(?:provided text is( \d{7}\.)|\nAnswer:( \w+\.))/.exec(text)?.filter(Boolean) ?? [];
        const end = text.indexOf(asked ?? "-") + (asked?.length ?? 0);
        expect(answers).toEqual([answer]);
        expect(byteCount(text.slice(end))).toBeLessThanOrEqual(70); // 64, and what is lost of a cut character
        expect(text.includes(`is: ${answer.trim()}`) || text.includes(`the ${answer.trim()}`)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it("draws all of its tasks", () => {
    const texts = Array.from({ length: 40 }, (_, seed) => laneOf({ names: ["ruler"] }, { seed, length: 3000 }).text);
    for (const sign of ["magic uuid is", "magic number is", "magic numbers are", "Memorize and", "Below", "coded text"])
      expect(texts.some((text) => text.includes(sign))).toBe(true);
  });

  it("puts running text before prompts that are shorter", () => {
    const part = { names: ["niah_single_1"], minLength: 500, maxTrailing: 0 };
    const starts = Array.from({ length: 20 }, (_, seed) =>
      laneOf(part, { seed, length: 1500 }).text.indexOf("A special magic"),
    );
    expect(Math.min(...starts)).toBeLessThan(200);
    expect(Math.max(...starts)).toBeGreaterThan(700);
    const { text } = laneOf(part, { seed: 3, length: 1500 });
    const before = text.slice(0, text.indexOf("A special")).replaceAll("\ufffd", "");
    expect(before.length).toBeGreaterThan(100);
    expect(BOOK).toContain(before);
    expect(text).toMatch(/provided text is \d{7}\.$/);
  });

  it("holds several prompts, each with its answer", () => {
    const { text, answers } = laneOf({ names: ["babilong_qa1"], prompts: 5 }, { seed: 1, length: 1600 });
    expect([...text.matchAll(/\nAnswer:( \w+\.)/g)].map(([, answer]) => answer)).toEqual(answers);
    expect(answers.length).toBe(5);
  });

  it("says which task needs more room, before anything is drawn", () => {
    const part = { names: ["niah_single_1", "vt"] };
    for (let seed = 0; seed < 9; seed++)
      expect(() => laneOf(part, { seed, length: 1716 + 31 - 2 })).toThrow("vt needs at least 1716 tokens, got 1715");
    expect(laneOf(part, { seed: 1, length: 1716 + 31 - 1 }).answers.length).toBe(1);
  });

  it("refuses names that are not known, and none at all", () => {
    for (const names of [["nihilism"], []])
      expect(() => mixtureSchema.parse([{ task: "recall", share: 1, names }])).toThrow(/names/);
  });
});

// --- internal ---

/** The text of one lane, and its pieces that have the weight of an answer. */
function laneOf(
  part: Readonly<Record<string, unknown>>,
  { seed, length }: { seed: number; length: number },
): { text: string; answers: string[] } {
  const mixture = mixtureSchema.parse([{ task: "recall", share: 1, ...plain, ...part }]);
  const { tokens, targets, weights } = createBatches({ mixture, documents, batch: 1, length, seed }).at(0);
  const runs: number[][] = [];
  weights.data.forEach((weight, i) => {
    if (weight !== 8) return expect(weight).toBe(0.5);
    if (weights.data[i - 1] !== 8) runs.push([]);
    runs.at(-1)?.push(targets.data[i] ?? 0);
  });
  const text = decodeTokens([tokens.data[0] ?? 0, ...targets.data]);
  return { text, answers: runs.map((run) => decodeTokens(run)) };
}

function byteCount(text: string): number {
  return encodeText(text).length;
}
