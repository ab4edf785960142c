import { OptionError } from "../base/errors.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRng } from "../base/random.ts";
import { decodeTokens, encodeText } from "../text/bytes.ts";
import {
  drawPasskey,
  passkeyPrompt,
  PASSKEY_QUESTION,
  passkeySentence,
  scorePasskey,
  shortestPasskeyPrompt,
  type Haystack,
} from "./passkey.ts";

const garbage: Haystack = { kind: "garbage" };
const text: Haystack = { kind: "text", tokens: new TextEncoder().encode("Call me Ishmael. Some years ago ") };
const haystack = fc.constantFrom(garbage, text);
const unit = fc.double({ min: 0, max: 1, noNaN: true });

describe("passkeyPrompt", () => {
  it("has exactly the length, the key where the depth says and the question at its end", () => {
    fc.assert(
      fc.property(haystack, fc.integer({ min: 260, max: 900 }), unit, fc.integer(), (hay, length, depth, seed) => {
        const { tokens, answer, keyPosition } = passkeyPrompt({ length, depth, haystack: hay, rng: createRng(seed) });
        const prompt = decodeTokens(tokens);
        expect(tokens.length).toBe(length);
        expect(prompt.slice(keyPosition)).toMatch(new RegExp(`^The pass key is ${answer}\\. Remember it\\.`));
        expect(prompt.endsWith(`\n${PASSKEY_QUESTION}`)).toBe(true);
        const [head, tail] = [prompt.indexOf("\n"), `\n${PASSKEY_QUESTION}`.length];
        const filler = length - head - tail - passkeySentence(answer).length - 3;
        expect(Math.abs(keyPosition - head - 2 - depth * filler)).toBeLessThan(0.51);
      }),
    );
  });

  it("is the paper's prompt", () => {
    const { tokens, answer } = passkeyPrompt({ length: 700, depth: 0.5, haystack: garbage, rng: createRng(1) });
    const [task, before, info, after, question, ...rest] = decodeTokens(tokens).split("\n");
    expect(task).toBe(
      "There is an important info hidden inside a lot of irrelevant text. Find it and memorize them. I will quiz you about the important information there.",
    );
    expect(before).toMatch(
      /^The grass is green\. The sky is blue\. The sun is yellow\. Here we go\. There and back again\. The grass/,
    );
    expect(info).toBe(`The pass key is ${answer}. Remember it. ${answer} is the pass key.`);
    expect(after?.length).toBeGreaterThan(200);
    expect(question).toBe("What is the pass key? The pass key is");
    expect(rest).toEqual([]);
  });

  it("puts the key right after the task at depth 0 and right before the question at depth 1", () => {
    const at = (depth: number): string[] =>
      decodeTokens(passkeyPrompt({ length: 500, depth, haystack: garbage, rng: createRng(2) }).tokens).split("\n");
    expect(at(0)[1]).toBe("");
    expect(at(1)[3]).toBe("");
  });

  it("hides the key in a text, repeated where it is too short", () => {
    const { tokens } = passkeyPrompt({ length: 600, depth: 0, haystack: text, rng: createRng(3) });
    const filler = decodeTokens(tokens).split("\n")[3] ?? "";
    expect(decodeTokens(text.tokens).repeat(20)).toContain(filler);
  });

  it("depends only on its source of random numbers", () => {
    const draw = (seed: number): Int32Array =>
      passkeyPrompt({ length: 400, depth: 0.3, haystack: text, rng: createRng(seed) }).tokens;
    expect(draw(4)).toEqual(draw(4));
    expect(draw(4)).not.toEqual(draw(5));
  });

  it("has room for every key at the shortest length and above, and for none below", () => {
    for (const digits of [undefined, 1, 7]) {
      const minimum = shortestPasskeyPrompt(digits);
      const draw = (length: number, seed: number) =>
        passkeyPrompt({ length, depth: 1, haystack: garbage, rng: createRng(seed), digits });
      for (let seed = 0; seed < 50; seed++) {
        expect(draw(minimum, seed).tokens.length).toBe(minimum);
        expect(() => draw(minimum - 1, seed)).toThrow(
          new OptionError(`a pass key prompt needs at least ${minimum} tokens, got ${minimum - 1}`),
        );
      }
    }
  });

  it("refuses a depth outside of the haystack and a haystack without text", () => {
    const options = { length: 400, depth: 0.5, haystack: garbage, rng: createRng(0) };
    for (const depth of [-0.1, 1.1, Number.NaN])
      expect(() => passkeyPrompt({ ...options, depth })).toThrow(OptionError);
    expect(() => passkeyPrompt({ ...options, haystack: { kind: "text", tokens: new Uint8Array() } })).toThrow(
      /text to hide .* is empty/,
    );
  });
});

describe("drawPasskey", () => {
  it("draws from 1 to 49,999, evenly", () => {
    const rng = createRng(6);
    expect(drawPasskey({ ...rng, integer: () => 0 })).toBe("1");
    expect(drawPasskey({ ...rng, integer: (limit) => limit - 1 })).toBe("49999");
    const keys = Array.from({ length: 4000 }, () => Number(drawPasskey(rng)));
    expect(keys.filter((key) => key < 5000).length / keys.length).toBeCloseTo(0.1, 1);
  });

  it("draws exactly the given number of digits, the first not zero", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.integer(), (digits, seed) => {
        expect(drawPasskey(createRng(seed), digits)).toMatch(new RegExp(`^[1-9]\\d{${digits - 1}}$`));
      }),
    );
  });
});

describe("scorePasskey", () => {
  it.each<[string, string, number, boolean]>([
    ["9054", " 9054.", 1, true],
    ["9054", " 9054\nThe 1", 1, true],
    ["9054", " 9154.", 0.75, false],
    ["9054", " 90541.", 1, false],
    ["9054", " 90", 0.5, false],
    ["9054", " 054.", 0, false],
    ["9054", " is blue.", 0, false],
  ])("scores %s against %j: %d, %s", (key, answer, tokenAccuracy, exactMatch) => {
    expect(scorePasskey(key, answer)).toEqual({ tokenAccuracy, exactMatch });
  });
});

it("counts bytes as its tokens", () => {
  expect(encodeText(PASSKEY_QUESTION).length).toBe(PASSKEY_QUESTION.length);
});
