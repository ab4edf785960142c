import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { OptionError } from "../base/errors.ts";
import { createRng, type Rng } from "../base/random.ts";
import { encodeText } from "../text/bytes.ts";
import type { Tokens } from "../text/document.ts";
import { tinyTokenizerJson } from "../text/tokenizers/fixtures.ts";
import { gpt2Tokenizer } from "../text/tokenizers/gpt2.ts";
import { huggingFaceTokenizer } from "../text/tokenizers/hugging-face.ts";
import { byteTokenizer, type Tokenizer } from "../text/tokenizers/tokenizer.ts";
import { copySequence } from "./copy.ts";
import { withDecoys } from "./decoys.ts";
import { emptyLines, fitRecall, shortestRecall, type TokenSource } from "./fit.ts";
import { BOOK, sampleOf } from "./fixtures.ts";
import { passkeyPrompt, passkeySentence, passkeyTask, scorePasskey, shortestPasskeyPrompt } from "./passkey.ts";
import { recallTasksOf } from "./recall-tasks.ts";

const tasks = recallTasksOf(["ruler", "babilong"]);
const TOKENIZERS: Readonly<Record<string, () => Promise<Tokenizer>>> = {
  bytes: async () => byteTokenizer,
  gpt2: gpt2Tokenizer,
  tiny: () => huggingFaceTokenizer(tinyTokenizerJson(), "tiny"),
};

/** Windows of {@link BOOK}. */
function sourceOf(tokenizer: Tokenizer): TokenSource {
  const book = tokenizer.encode(BOOK);
  const tokens = (size: number, rng: Rng): Tokens => {
    const start = rng.integer(book.length - size);
    return book.subarray(start, start + size);
  };
  return { tokenizer, tokens, longest: book.length - 1 };
}

describe.each(Object.entries(TOKENIZERS))("prompts in tokens of %s", (name, load) => {
  let source: TokenSource;
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = await load();
    source = sourceOf(tokenizer);
  });

  it.each(tasks)("of $name take at most the length, not much less, and can be answered", (task) => {
    const shortest = shortestRecall(task, tokenizer);
    fc.assert(
      fc.property(fc.oneof(fc.constant(0), fc.nat(2500)), fc.nat(), (more, seed) => {
        const length = shortest.prompt + more;
        const answerRoom = shortest.answer;
        const { prompt, answer, references } = fitRecall(task, { ...source, length, answerRoom, rng: createRng(seed) });
        expect(prompt.length).toBeLessThanOrEqual(length);
        expect(prompt.length + answer.length).toBeLessThanOrEqual(length + answerRoom);
        expect(answer.length).toBeLessThanOrEqual(task.answerBytes);
        expect(prompt.length).toBeGreaterThan(length - 130 - length / 8); // the shortest keeps a margin
        if (more > 500) expect(prompt.length).toBeGreaterThan(length - 120 - length / 20);
        const written = tokenizer.decode(prompt);
        for (const reference of references) expect(written).toContain(reference);
        expect(written).not.toContain("\ufffd");
        expect(task.score(tokenizer.decode(answer), references)).toBe(1);
        expect(task.score(" I do not know.", references)).toBe(0);
      }),
      { numRuns: name === "bytes" ? 20 : 8, seed: 1 },
    );
    const short = { ...source, length: shortest.prompt - 1, rng: createRng(1) };
    expect(() => fitRecall(task, short)).toThrow(
      new OptionError(`${task.name} needs at least ${shortest.prompt} tokens, got ${shortest.prompt - 1}`),
    );
  });

  it("make room for an answer that takes more than was reserved", () => {
    const [task] = recallTasksOf(["niah_multivalue"]);
    if (!task) throw new Error("there is no such task");
    const length = shortestRecall(task, tokenizer).prompt + 400;
    const [answerRoom, rng] = [name === "bytes" ? task.answerBytes : 2, createRng(3)];
    const { prompt, answer } = fitRecall(task, { ...source, length, answerRoom, rng });
    expect(prompt.length + answer.length).toBeLessThanOrEqual(length + answerRoom);
  });

  it("depend only on the generator", () => {
    const draw = (seed: number) =>
      tasks.map((task) => fitRecall(task, { ...source, length: 2600, rng: createRng(seed) }));
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
  });

  it("of a pass key have exactly the length, with the sentence whole at its place", () => {
    const least = shortestPasskeyPrompt(undefined, tokenizer);
    const text = { kind: "text", tokens: tokenizer.encode(BOOK) } as const;
    fc.assert(
      fc.property(
        fc.constantFrom(text, { kind: "garbage" } as const),
        fc.nat(600),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(),
        (haystack, more, depth, seed) => {
          const asked = { length: least + more, depth, haystack, rng: createRng(seed), tokenizer };
          const { tokens, answer, keyPosition } = passkeyPrompt(asked);
          expect(tokens.length).toBe(least + more);
          expect(tokenizer.decode(tokens.subarray(keyPosition)).startsWith(passkeySentence(answer))).toBe(true);
          expect(tokenizer.decode(tokens)).toMatch(
            /^There is an important info [^]*\nWhat is the pass key\? The pass key is$/,
          );
          expect(scorePasskey(answer, tokenizer.decode(tokenizer.encode(` ${answer}.`))).exactMatch).toBe(true);
          expect(scorePasskey(answer, " 7x").exactMatch).toBe(answer === "7");
        },
      ),
      { numRuns: 40, seed: 1 },
    );
    expect(() => passkeyPrompt({ length: least - 1, depth: 0, haystack: text, rng: createRng(1), tokenizer })).toThrow(
      new OptionError(`a pass key prompt needs at least ${least} tokens, got ${least - 1}`),
    );
  });

  it("tokenize garbage as one text", () => {
    const asked = { length: 500, depth: 0, haystack: { kind: "garbage" }, rng: createRng(1), tokenizer } as const;
    const words = tokenizer.decode(passkeyPrompt(asked).tokens);
    expect(words).toMatch(/There and back again\. The grass is green\. The sky is blue\./);
  });

  it("train on pass keys in which only the answer counts", () => {
    const length = 600;
    const schema = passkeyTask.schema.parse({ task: "passkey", share: 1, answerWeight: 8, textWeight: 0.5, decoys: 3 });
    for (let seed = 0; seed < 20; seed++) {
      const { tokens, weights } = passkeyTask.draw(schema, { ...source, length, rng: createRng(seed) });
      expect([tokens.length, weights.length]).toEqual([length + 1, length]);
      const from = weights.indexOf(8) + 1;
      const to = weights.lastIndexOf(8) + 2;
      const answer = tokenizer.decode(tokens.subarray(from, to));
      expect(answer).toMatch(/^ \d+\.$/);
      expect(tokenizer.decode(tokens.subarray(0, from))).toContain(passkeySentence(answer.slice(1, -1)));
    }
  });

  it("copy strings whose repeats count after their first characters", () => {
    const { tokens, weights } = copySequence(2000, createRng(1), {}, tokenizer);
    expect([tokens.length, weights.length]).toEqual([2001, 2000]);
    const lines = tokenizer.decode(tokens).split("\n").slice(0, -1);
    for (const line of lines) expect(line).toMatch(/^[a-z0-9]{8,24}$/);
    const repeats = lines.filter((line, i) => lines.indexOf(line) < i);
    const counted = tokenizer.decode(tokens.subarray(1).filter((_, i) => weights[i] === 1));
    expect(repeats.length).toBeGreaterThan(20);
    expect(counted.length).toBeGreaterThan(0.6 * repeats.join("").length - 30);
    expect(counted.length).toBeLessThanOrEqual(repeats.join("").length - 3 * repeats.length + 24);
  });

  it("have numbers written over them, and keep the rest", () => {
    const text = tokenizer.encode("call me ishmael some years ago never mind how long ".repeat(20));
    const changed = withDecoys(text, 5, createRng(4), tokenizer);
    expect(changed.length).toBe(text.length);
    expect(tokenizer.decode(changed)).toMatch(/\d/);
    expect(tokenizer.decode(text)).not.toMatch(/\d/);
  });

  it("follow the requested number of empty lines", () => {
    for (const size of [0, 1, 7]) {
      expect(emptyLines(size, tokenizer).length).toBe(size);
      expect(tokenizer.decode(emptyLines(size, tokenizer))).toMatch(/^\n*$/);
    }
  });
});

it("writes bytes as the task itself does", () => {
  const source = sourceOf(byteTokenizer);
  for (const task of tasks) {
    const { prompt, answer } = fitRecall(task, { ...source, length: 3000, rng: createRng(5) });
    const sample = sampleOf(task, 3000, 5);
    expect([prompt, answer]).toEqual([encodeText(sample.prompt), encodeText(sample.answer)]);
  }
});
