import { OptionError } from "../../base/errors.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Batch, BatchOptions } from "./batch.ts";
import { createBatches } from "./batches.ts";
import { decodeTokens } from "../../text/bytes.ts";
import { CorpusError, type Document } from "../../text/document.ts";
import { mixtureSchema } from "./mixture.ts";
import { PASSKEY_QUESTION, passkeySentence, shortestPasskeyPrompt } from "../../tasks/passkey.ts";

const documents = [documentOf("long", 3000, "a"), documentOf("short", 1000, "b"), documentOf("stub", 20, "c")];
const everything = mixtureSchema.parse([
  { task: "text", share: 1 },
  { task: "copy", share: 1 },
  { task: "passkey", share: 2 },
]);

describe("createBatches", () => {
  it("gives the same batch for the same seed and number, in any order", () => {
    const options = { mixture: everything, documents, batch: 3, length: 300, seed: 1 };
    const forwards = createBatches(options);
    const first = [0, 1, 2].map((index) => forwards.at(index));
    const backwards = createBatches(options);
    expect([2, 1, 0].map((index) => backwards.at(index)).toReversed()).toEqual(first);
    expect(first[0]).not.toEqual(first[1]);
    expect(createBatches({ ...options, seed: 2 }).at(0)).not.toEqual(first[0]);
  });

  it("fills a lane alike however many others there are", () => {
    const lane = (batch: number): Int32Array => batchAt({ batch }).tokens.data.subarray(0, 300);
    expect(lane(1)).toEqual(lane(4));
  });

  it("repeats no lane in the batches after it", () => {
    const batches = createBatches({ mixture: everything, documents, batch: 4, length: 300, seed: 1 });
    const texts = [0, 1, 2, 3].flatMap((index) => lanesOf(batches.at(index)).filter((text) => !/^(a+|b+)$/.test(text)));
    expect(new Set(texts).size).toBe(texts.length);
  });

  it("has targets one token ahead of the tokens", () => {
    fc.assert(
      fc.property(fc.integer({ min: 265, max: 400 }), fc.nat(), (length, seed) => {
        const { tokens, targets, weights } = batchAt({ length, seed });
        for (const tensor of [tokens, targets, weights]) expect(tensor.shape).toEqual([2, length]);
        for (const lane of [0, 1]) {
          const row = (data: Int32Array): Int32Array => data.subarray(lane * length, (lane + 1) * length);
          expect(row(tokens.data).subarray(1)).toEqual(row(targets.data).subarray(0, -1));
        }
      }),
      { numRuns: 30 },
    );
  });

  it("draws parts in proportion to their shares, those of share 0 never", () => {
    const mixture = mixtureSchema.parse([
      { task: "text", share: 0 },
      { task: "copy", share: 3 },
      { task: "passkey", share: 1, haystack: "garbage" },
    ]);
    const texts = lanesOf(batchAt({ mixture, documents: [], batch: 400 }));
    expect(texts.filter((text) => text.includes("There is an important info")).length / 400).toBeCloseTo(0.25, 1);
  });

  it("draws every window of the long documents equally often", () => {
    const texts = lanesOf(batchAt({ mixture: textOnly, batch: 600, length: 299 }));
    expect(texts.every((text) => /^(a+|b+)$/.test(text))).toBe(true);
    expect(texts.filter((text) => text.startsWith("a")).length / 600).toBeCloseTo(2701 / (2701 + 701), 1);
  });

  it("takes a document that is just long enough, and says so when none is", () => {
    expect(lanesOf(batchAt({ mixture: textOnly, documents: [documentOf("d", 301, "d")], batch: 1 }))).toEqual([
      "d".repeat(301),
    ]);
    const short = { mixture: textOnly, documents: [documentOf("d", 300, "d")] };
    expect(() => batchAt(short)).toThrow(
      new CorpusError("no document is longer than the 300 tokens of a training sequence"),
    );
    expect(() => batchAt({ mixture: everything, documents: [] })).toThrow(CorpusError);
  });
});

describe("the pass key task", () => {
  it("ends with a prompt, its answer, which is what answerWeight is for, and a few tokens more", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("garbage", "text", "mixed"),
        fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
        fc.nat(),
        (haystack, digits, seed) => {
          const mixture = mixtureSchema.parse([
            { task: "passkey", share: 1, haystack, answerWeight: 8, textWeight: 0.5, digits },
          ]);
          const batch = batchAt({ mixture, batch: 1, seed });
          const text = lanesOf(batch)[0] ?? "";
          const start = text.indexOf(PASSKEY_QUESTION) + PASSKEY_QUESTION.length;
          const [answer, key = ""] = /^ (\d+)\./.exec(text.slice(start)) ?? [];
          expect(text).toContain(`\n${passkeySentence(key)}\n`);
          expect(key.length).toBe(digits ?? String(Number(key)).length);
          const answerLength = answer?.length ?? 0;
          const trailing = 301 - start - answerLength;
          expect(trailing).toBeLessThanOrEqual(64);
          const weights = [...Array(start - 1).fill(0.5), ...Array(answerLength).fill(8), ...Array(trailing).fill(0.5)];
          expect([...batch.weights.data]).toEqual(weights);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("ends the answer at many places, so that no segment border is special", () => {
    const mixture = mixtureSchema.parse([{ task: "passkey", share: 1, haystack: "garbage" }]);
    const lanes = lanesOf(batchAt({ mixture, batch: 60, length: 900 }));
    const starts = lanes.map((text) => text.indexOf(PASSKEY_QUESTION));
    expect(new Set(starts).size).toBeGreaterThan(30);
    const fixed = mixtureSchema.parse([{ task: "passkey", share: 1, haystack: "garbage", maxTrailing: 0 }]);
    for (const text of lanesOf(batchAt({ mixture: fixed, batch: 9 }))) expect(text).toMatch(/The pass key is \d+\.$/);
  });

  it("puts text before prompts that are shorter than the sequence", () => {
    const mixture = mixtureSchema.parse([{ task: "passkey", share: 1, haystack: "text", minLength: 260 }]);
    const starts = lanesOf(batchAt({ mixture, batch: 40, length: 900 })).map((text) =>
      text.indexOf("There is an important info"),
    );
    expect(Math.min(...starts)).toBeLessThan(200);
    expect(Math.max(...starts)).toBeGreaterThan(400);
  });

  it("refuses lengths without room, before a key happens to fit", () => {
    const answerLength = 7;
    const length = shortestPasskeyPrompt() + answerLength - 1;
    const mixture = mixtureSchema.parse([{ task: "passkey", share: 1, haystack: "garbage" }]);
    for (let seed = 0; seed < 20; seed++) {
      expect(lanesOf(batchAt({ mixture, length, seed, batch: 1 }))[0]).toMatch(/\d+\.$/);
      expect(() => batchAt({ mixture, length: length - 1, seed })).toThrow(OptionError);
    }
    const short = mixtureSchema.parse([{ task: "passkey", share: 1, minLength: 10 }]);
    expect(() => batchAt({ mixture: short })).toThrow(`at least ${shortestPasskeyPrompt()} tokens, got 10`);
  });

  it("makes sequences longer than a call has room for arguments", () => {
    const mixture = mixtureSchema.parse([{ task: "passkey", share: 1, haystack: "garbage" }]);
    expect(batchAt({ mixture, length: 400_000, batch: 1 }).tokens.shape).toEqual([1, 400_000]);
  });
});

describe("mixtureSchema", () => {
  it.each<[string, unknown]>([
    ["no part", []],
    ["no share above 0", [{ task: "text", share: 0 }]],
    ["a negative share", [{ task: "text", share: -1 }]],
    ["a part without a share", [{ task: "text" }]],
    ["an unknown task", [{ task: "sorting", share: 1 }]],
    ["a key of another task", [{ task: "text", share: 1, haystack: "text" }]],
    ["an unknown haystack", [{ task: "passkey", share: 1, haystack: "wood" }]],
    ["a key without digits", [{ task: "passkey", share: 1, digits: 0 }]],
  ])("refuses %s", (_, mixture) => {
    expect(mixtureSchema.safeParse(mixture).success).toBe(false);
  });

  it("fills in what has a default", () => {
    expect(everything).toEqual([
      { task: "text", share: 1 },
      { task: "copy", share: 1 },
      { task: "passkey", share: 2, haystack: "mixed", answerWeight: 1, textWeight: 1, maxTrailing: 64 },
    ]);
  });
});

// --- internal ---

const textOnly = mixtureSchema.parse([{ task: "text", share: 1 }]);

function documentOf(name: string, length: number, letter: string): Document {
  return { name, tokens: new Uint8Array(length).fill(letter.charCodeAt(0)) };
}

function batchAt(options: Partial<BatchOptions>): Batch {
  return createBatches({ mixture: everything, documents, batch: 2, length: 300, seed: 0, ...options }).at(0);
}

/** The whole sequence of each lane, its last target included. */
function lanesOf({ tokens, targets }: Batch): string[] {
  const [lanes = 0, length = 0] = tokens.shape;
  return Array.from({ length: lanes }, (_, i) =>
    decodeTokens([
      ...tokens.data.subarray(i * length, (i + 1) * length),
      ...targets.data.subarray((i + 1) * length - 1, (i + 1) * length),
    ]),
  );
}
