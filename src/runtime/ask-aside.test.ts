import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createNodeEngine } from "../engine/ort/ort-node.ts";
import { askAside } from "./ask-aside.ts";
import { randomTokens, SEGMENT, tinyModel } from "./fixtures.ts";
import { generate } from "./generate.ts";
import { SessionError } from "./lane-tokens.ts";
import { createSession, type Session } from "./session.ts";

const QUESTION = randomTokens(2, 9);
const LINE_BREAK = [10];
let sessions: { readonly [kind: string]: Session };

beforeAll(async () => {
  const engine = await createNodeEngine({ threads: 1 });
  sessions = {
    one: createSession({ loaded: tinyModel(), engine }),
    three: createSession({ loaded: tinyModel(), engine, batch: 3 }),
    cached: createSession({ loaded: tinyModel({ memory: { cache: true } }), engine }),
  };
});
beforeEach(async () => {
  for (const session of Object.values(sessions)) await session.reset();
});
afterAll(async () => {
  for (const session of Object.values(sessions)) await session.dispose();
});

const named = (kind: string): Session => {
  const session = sessions[kind];
  if (!session) throw new Error(`there is no session ${kind}`);
  return session;
};

describe("askAside", () => {
  it("returns what follows the question, and does not change the session", async () => {
    const session = named("one");
    await session.read(randomTokens(7));
    const before = await session.save();
    for (const options of [{ maxTokens: 5 }, { maxTokens: 9, temperature: 1, topK: 5, seed: 3 }]) {
      const [answer] = await askAside(session, QUESTION, options);
      expect(await session.save()).toEqual(before);
      const expected: number[] = [];
      for await (const token of generate(session, QUESTION, options)) expected.push(token);
      expect(answer).toEqual(expected);
      await session.load(before, "before");
    }
  });

  it("answers in every lane, each up to its own end", async () => {
    const three = named("three");
    const texts = [1, 2, 3].map((seed) => randomTokens(9, seed));
    await three.read(texts);
    const whole = await askAside(three, QUESTION, { maxTokens: 8 });
    const stop = whole[0]?.[2] ?? -1;
    const answers = await askAside(three, QUESTION, { maxTokens: 8, stopAfter: (token) => token === stop });
    const upTo = (answer: readonly number[]): number[] => {
      const end = answer.indexOf(stop);
      return answer.slice(0, end < 0 ? answer.length : end + 1);
    };
    expect(answers).toEqual(whole.map(upTo));
    expect(three.position).toBe(9);
  });

  it.each([
    ["one", SEGMENT - 2, 2],
    ["one", SEGMENT - 3, 0], // has room
    ["one", SEGMENT, 0],
    ["cached", SEGMENT - 2, 0], // sees across
  ])("adds line breaks where question and answer would be separated: %s after %i tokens", async (kind, read, lines) => {
    const session = named(kind);
    await session.read(randomTokens(read));
    const [answer] = await askAside(session, QUESTION, { maxTokens: 1, lineBreak: LINE_BREAK });
    const prompt = Int32Array.from([...Array<number>(lines).fill(10), ...QUESTION]);
    expect(answer).toEqual((await askAside(session, prompt, { maxTokens: 1 }))[0]);
    expect(session.position).toBe(read);
  });

  it("does not change the session when it fails", async () => {
    const session = named("one");
    await session.read(randomTokens(3));
    const before = await session.save();
    await expect(askAside(session, Int32Array.of(1, 20), {})).rejects.toThrow(/token 20/);
    await expect(askAside(session, new Int32Array(), { lineBreak: LINE_BREAK })).rejects.toThrow(SessionError);
    const failing = askAside(session, QUESTION, { stopAfter: () => { throw new Error("enough"); } }); // prettier-ignore
    await expect(failing).rejects.toThrow("enough");
    expect(await session.save()).toEqual(before);
  });
});
