import { describe, expect, it } from "vitest";
import { encodeText } from "../text/bytes.ts";
import { passkeySentence, PASSKEY_TASK } from "../tasks/passkey.ts";
import { findKeysInBook, type BookProgress, type HiddenKey } from "./book.ts";
import { fakeSession, keyIn } from "./fixtures.ts";

const text = "Call me Ishmael. Some years ago, never mind how long.\n".repeat(800); // over two blocks
const book = Uint8Array.from(encodeText(text));
const keys: HiddenKey[] = [
  { key: "12345", position: 1000 },
  { key: "678", position: 20_000 },
  { key: "90123", position: text.length - 500 },
];
const distances = [10_000, 100, 25_000];

describe("findKeysInBook", () => {
  it("asks at every distance within the book and at its end, lane by lane, nearest first", async () => {
    const answers = await findKeysInBook(fakeSession(3, knows), book, keys, { distances });
    expect(answers.every(({ right, answer, key }) => right && answer === key)).toBe(true);
    const length = text.length + sentence("678").length; // that of the shortest copy, without the task
    const ends = keys.map(({ key, position }) => length - position - sentence(key).length);
    expect(answers.map(({ key, distance }) => [key, distance])).toEqual([
      ["12345", 100],
      ["12345", 10_000],
      ["12345", 25_000],
      ["12345", ends[0]],
      ["678", 100],
      ["678", 10_000],
      ["678", ends[1]],
      ["90123", 100],
      ["90123", ends[2]],
    ]);
    expect(answers[4]).toEqual({ key: "678", position: 20_000, distance: 100, answer: "678", right: true });
  });

  it("asks right after that many tokens of the book", async () => {
    const rests: string[] = [];
    const session = fakeSession(1, (read) => {
      if (read.endsWith("The pass key is"))
        rests.push(read.slice(read.indexOf(sentence("678")) + sentence("678").length));
      return "";
    });
    await findKeysInBook(session, book, keys.slice(1, 2), { distances: [100] });
    const question = "\nWhat is the pass key? The pass key is";
    expect(rests).toEqual([text.slice(20_000, 20_100) + question, text.slice(20_000) + question]);
  });

  it("asks in one segment: empty lines come first where the question would lie in two", async () => {
    const asked: string[] = [];
    const listen = (read: string): string => {
      if (read.endsWith("The pass key is")) asked.push(read);
      return "";
    };
    for (const distance of [100, 101, 120, 140]) {
      await findKeysInBook(fakeSession(1, listen, 64), book, keys.slice(1, 2), { distances: [distance] });
    }
    const [answer, shortest] = [8, "\nWhat is the pass key? The pass key is".length];
    for (const read of asked) {
      expect((read.length - shortest) % 64).toBeLessThanOrEqual(64 - shortest - answer);
      expect(read.length % 64).toBeGreaterThanOrEqual(shortest);
    }
    expect(new Set(asked.map((read) => read.length % 64)).size).toBeGreaterThan(1);
  });

  it("continues after a question as if it had not been asked", async () => {
    const session = fakeSession(3, knows);
    await findKeysInBook(session, book, keys, { distances });
    const length = task.length + text.length + sentence("678").length;
    const copies = keys.map(({ key, position }) =>
      (task + text.slice(0, position) + sentence(key) + text.slice(position)).slice(0, length),
    );
    expect(session.texts).toEqual(copies);
    // Six stops on the way, and the end of the book for all lanes at once.
    expect(session.calls).toMatchObject({ snapshot: 7, restore: 7 });
  });

  it("finds answers wrong once the key is forgotten, or is another lane's", async () => {
    const forgetful = fakeSession(3, (read) => ` ${keyIn(read.slice(-12_000))}.`);
    const answers = await findKeysInBook(forgetful, book, keys, { distances });
    for (const { distance, right, answer } of answers) {
      expect(right).toBe(distance < 11_000);
      expect(answer === "").toBe(!right);
    }
    const confused = await findKeysInBook(
      fakeSession(3, () => " 12345."),
      book,
      keys,
      { distances },
    );
    expect(confused.map(({ key, right }) => right === (key === "12345"))).toEqual(Array(9).fill(true));
    const partial = await findKeysInBook(
      fakeSession(3, (read) => ` ${keyIn(read).slice(0, 2)}`),
      book,
      keys,
      { distances },
    );
    expect(partial.some(({ right }) => right)).toBe(false);
  });

  it("reports every block, up to the end of the book", async () => {
    const seen: BookProgress[] = [];
    await findKeysInBook(fakeSession(1, knows), book, keys.slice(0, 1), {
      distances: [100],
      onProgress: (progress) => seen.push(progress),
    });
    const asked = task.length + 1000 + sentence("12345").length + 100;
    expect(seen.map(({ tokens }) => tokens)).toEqual([
      asked,
      asked + 16_384,
      asked + 2 * 16_384,
      task.length + text.length + sentence("12345").length,
    ]);
    expect(seen.every(({ seconds }, i) => seconds > 0 && seconds >= (seen[i - 1]?.seconds ?? 0))).toBe(true);
  });
});

// --- internal ---

const task = `${PASSKEY_TASK}\n`;

function knows(read: string): string {
  return ` ${keyIn(read)}.`;
}

function sentence(key: string): string {
  return `\n${passkeySentence(key)}\n`;
}
