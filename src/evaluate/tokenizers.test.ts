import { beforeAll, describe, expect, it } from "vitest";
import { OptionError } from "../base/errors.ts";
import { BOOK } from "../tasks/fixtures.ts";
import { recallTasksOf } from "../tasks/recall-tasks.ts";
import { tinyTokenizerJson } from "../text/tokenizers/fixtures.ts";
import { gpt2Tokenizer } from "../text/tokenizers/gpt2.ts";
import { huggingFaceTokenizer } from "../text/tokenizers/hugging-face.ts";
import type { Tokenizer } from "../text/tokenizers/tokenizer.ts";
import { findKeysInBook } from "./book.ts";
import { fakeSession, keyIn, type FakeSession } from "./fixtures.ts";
import { evaluatePasskey } from "./passkey.ts";
import { evaluateRecall } from "./recall.ts";

const TOKENIZERS: Readonly<Record<string, () => Promise<Tokenizer>>> = {
  gpt2: gpt2Tokenizer,
  tiny: () => huggingFaceTokenizer(tinyTokenizerJson(), "tiny"),
};

describe.each(Object.entries(TOKENIZERS))("a model with the tokenizer %s", (_, load) => {
  let tokenizer: Tokenizer;
  let book: Int32Array;
  beforeAll(async () => {
    tokenizer = await load();
    book = tokenizer.encode(BOOK);
  });
  const session = (answer: (text: string) => string): FakeSession => fakeSession(2, answer, 16, tokenizer);

  it("is asked recall prompts of exactly the given number of tokens, and its answers are read as text", async () => {
    const tasks = recallTasksOf(["niah_single_2", "niah_multivalue"]);
    const options = { tasks, lengths: [700, 800], samples: 4, seed: 1, tokenizer, book };
    const lengths: number[] = [];
    const knowing = session((text) => {
      lengths.push(tokenizer.encode(text).length);
      return ` ${[...text.matchAll(/ is: (\d{7})\./g)].map(([, value]) => value).join(", ")}.`;
    });
    for (const row of await evaluateRecall(knowing, options)) expect(row).toMatchObject({ score: 1, exact: 1 });
    // The text read is encoded again here, so tokens may meet that were separate.
    for (const length of lengths) expect(Math.min(Math.abs(length - 700), Math.abs(length - 800))).toBeLessThan(8);
    for (const row of await evaluateRecall(
      session(() => " 12."),
      options,
    ))
      expect(row).toMatchObject({ score: 0, exact: 0 });
  });

  it("is asked for pass keys in prompts of the given number of tokens", async () => {
    for (const haystack of [{ kind: "garbage" }, { kind: "text", tokens: book }] as const) {
      const options = { lengths: [300, 400], depths: [0, 0.5, 1], samples: 4, haystack, seed: 1, tokenizer };
      const right = await evaluatePasskey(
        session((text) => ` ${keyIn(text)}.`),
        options,
      );
      expect(right.map(({ exactMatch, tokenAccuracy }) => exactMatch + tokenAccuracy)).toEqual(Array(6).fill(2));
      const wrong = await evaluatePasskey(
        session(() => " x"),
        options,
      );
      expect(wrong.map(({ exactMatch, tokenAccuracy }) => exactMatch + tokenAccuracy)).toEqual(Array(6).fill(0));
    }
  });

  it("finds keys in a book", async () => {
    const keys = [
      { key: "12345", position: 1000 },
      { key: "678", position: 5000 },
    ];
    const asked = { distances: [100, 2000], tokenizer };
    const answers = await findKeysInBook(
      session((text) => ` ${keyIn(text)}.`),
      book,
      keys,
      asked,
    );
    expect(answers.map(({ key }) => key)).toEqual(["12345", "12345", "12345", "678", "678", "678"]);
    for (const { key, answer, right } of answers) expect([answer, right]).toEqual([key, true]);
  });

  it("is not prompted with bytes", async () => {
    const problem = new OptionError(
      `the tokenizer of the model, ${tokenizer.name}, must be given: its tokens are not bytes`,
    );
    const options = { lengths: [300], samples: 2, seed: 1 };
    const fake = session(() => "");
    await expect(evaluateRecall(fake, { ...options, tasks: [], book })).rejects.toThrow(problem);
    await expect(evaluatePasskey(fake, { ...options, depths: [0], haystack: { kind: "garbage" } })).rejects.toThrow(
      problem,
    );
    await expect(findKeysInBook(fake, book, [], { distances: [] })).rejects.toThrow(problem);
  });
});
