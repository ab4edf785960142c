import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bookSentences, bookWords, byteLength, cutText, splitSentences, wholeCharacters } from "./book-text.ts";
import { decodeTokens, encodeText } from "./bytes.ts";
import { BOOK } from "../tasks/fixtures.ts";

const read =
  (book: string, start = 0) =>
  (length: number): string =>
    wholeCharacters(decodeTokens(encodeText(book).subarray(start, start + length)));

describe("cutText", () => {
  it("keeps whole characters, as many as fit", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.nat(30), (drawn, length) => {
        const text = drawn.replaceAll("\ufffd", ""); // stands for what is left of a character
        const cut = cutText(text, length);
        expect(text.startsWith(cut)).toBe(true);
        expect(byteLength(cut)).toBeLessThanOrEqual(length);
        const next = text.codePointAt(cut.length);
        if (next !== undefined) expect(byteLength(cut + String.fromCodePoint(next))).toBeGreaterThan(length);
      }),
    );
  });
});

describe("bookWords", () => {
  it("has words of the book with single spaces, and fills its length", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 5000 }), fc.nat(1000), (length, start) => {
        const words = bookWords(read(BOOK, start), length);
        expect(byteLength(words)).toBeLessThanOrEqual(length);
        expect(words).not.toMatch(/\s\s|\n|\ufffd|^ | $/);
        if (length > 200) expect(byteLength(words)).toBeGreaterThan(length - 64);
        expect(BOOK.replaceAll("\n", " ")).toContain(words.slice(0, length / 2));
      }),
    );
  });

  it("stops for a book without words", () => {
    expect(bookWords(read(" \n".repeat(500)), 400)).toBe("");
    expect(bookWords(read("x".repeat(500)), 400)).toBe("");
  });
});

describe("splitSentences", () => {
  it("splits after the mark that ends a sentence, not after abbreviations in names", () => {
    expect(
      splitSentences("“Aye!” said he.\nMr. Stubb, J. Smith and Dr. Bunger? No. 7 it was... and so on. 3 men."),
    ).toEqual(["“Aye!” said he.", "Mr. Stubb, J. Smith and Dr. Bunger?", "No.", "7 it was... and so on.", "3 men."]);
  });

  it("loses nothing but white space", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const bare = (value: string): string => value.replaceAll(/\s/g, "");
        expect(bare(splitSentences(text).join(" "))).toBe(bare(text));
      }),
    );
  });
});

describe("bookSentences", () => {
  const options = { windowLength: 2000, shortest: 40 };

  it("has exactly its length, in whole sentences except the last", () => {
    fc.assert(
      fc.property(fc.nat(3000), (length) => {
        const sentences = bookSentences(read(BOOK, 10), { ...options, length });
        const total = byteLength(sentences.join(""));
        expect(total).toBeLessThanOrEqual(length);
        expect(total).toBeGreaterThan(length - 4);
        for (const sentence of sentences.slice(0, -1)) expect(sentence).toMatch(/^ “Sentence” number \d+ .*\.$/);
      }),
    );
  });

  it("leaves out short sentences, and stops for a book that has no others", () => {
    const sentences = bookSentences(
      read(`A. ${"Short one. This one is just about long enough to be taken in. ".repeat(50)}`),
      {
        ...options,
        length: 500,
      },
    );
    expect(new Set(sentences.slice(0, -1))).toEqual(new Set([" This one is just about long enough to be taken in."]));
    expect(bookSentences(read("Short one. ".repeat(100)), { ...options, length: 500 })).toEqual([]);
  });
});
