import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createNodeEngine } from "../engine/ort/ort-node.ts";
import { randomTokens, tinyModel } from "./fixtures.ts";
import { generate, type GenerateOptions } from "./generate.ts";
import { mostLikely } from "./sampler.ts";
import { SessionError } from "./lane-tokens.ts";
import { createSession, type Session } from "./session.ts";

const prompt = randomTokens(10);
let session: Session;

beforeAll(async () => {
  session = createSession({ loaded: tinyModel(), engine: await createNodeEngine({ threads: 1 }) });
});
beforeEach(() => session.reset());
afterAll(() => session.dispose());

describe("generate", () => {
  it("takes the most likely token after each by default", async () => {
    const expected: number[] = [];
    let logits = await session.prefill(prompt);
    for (let i = 0; i < 12; i++) {
      expected.push(mostLikely(logits));
      logits = await session.step(mostLikely(logits));
    }
    await session.reset();
    const tokens = await generated({ maxTokens: 12 });
    expect(tokens).toEqual(expected);
    expect(new Set(tokens).size).toBeGreaterThan(1);
  });

  it("continues from what the session has read", async () => {
    const whole = await generated({ maxTokens: 5 });
    await session.reset();
    await session.prefill(prompt.subarray(0, 6));
    expect(await generated({ maxTokens: 5 }, prompt.subarray(6))).toEqual(whole);
  });

  it("gives the same tokens for the same seed, others for another", async () => {
    const options = { maxTokens: 40, temperature: 1, topK: 15, topP: 0.95 };
    const first = await afresh({ ...options, seed: 7 });
    expect(await afresh({ ...options, seed: 7 })).toEqual(first);
    expect(await afresh({ ...options, seed: 8 })).not.toEqual(first);
    expect(await afresh({ ...options, seed: 0 })).toEqual(await afresh(options));
  });

  it("passes the sampling options on", async () => {
    const greedy = await afresh({ maxTokens: 20 });
    expect(await afresh({ maxTokens: 20, temperature: 3, topK: 1 })).toEqual(greedy);
    expect(await afresh({ maxTokens: 20, temperature: 3, topP: 1e-6 })).toEqual(greedy);
    expect(await afresh({ maxTokens: 20, temperature: 3 })).not.toEqual(greedy);
  });

  it("ends at the number of tokens, 256 by default, and has read them all", async () => {
    expect(await generated({ maxTokens: 3 })).toHaveLength(3);
    expect(session.position).toBe(prompt.length + 3);
    expect(await afresh({})).toHaveLength(256);
  });

  it("ends after a stop token, which is yielded and read", async () => {
    const tokens = await generated({ maxTokens: 30, temperature: 1 });
    const stop = tokens[4] ?? -1;
    const end = tokens.indexOf(stop) + 1;
    await session.reset();
    expect(await generated({ maxTokens: 30, temperature: 1, stopAfter: (token) => token === stop })).toEqual(
      tokens.slice(0, end),
    );
    expect(session.position).toBe(prompt.length + end);
  });

  it("yields each token before it computes the next", async () => {
    const stream = generate(session, prompt);
    await stream.next();
    expect(session.position).toBe(prompt.length);
    await stream.next();
    expect(session.position).toBe(prompt.length + 1);
  });

  it("makes the session read each yielded token before anything else, wherever the stream is left", async () => {
    const whole = await generated({ maxTokens: 6 });
    for (const count of [1, 4]) {
      await session.reset();
      const given: number[] = [];
      for await (const token of generate(session, prompt)) {
        given.push(token);
        if (given.length === count) break;
      }
      expect(session.position).toBe(prompt.length + count);
      expect(given).toEqual(whole.slice(0, count));
      expect(await generated({ maxTokens: 1 }, Int32Array.of(3))).toHaveLength(1);
    }
    await session.reset();
    const { value } = await generate(session, prompt).next(); // and is never resumed
    const left = await session.save();
    await session.reset();
    await session.read(prompt);
    await session.read(Int32Array.of(value ?? -1));
    expect(left).toEqual(await session.save());
  });

  it("refuses an empty prompt and options out of range", async () => {
    await expect(generated({}, new Int32Array())).rejects.toThrow(SessionError);
    await expect(generated({ temperature: -1 })).rejects.toThrow(/temperature/);
  });
});

// --- internal ---

async function generated(options: GenerateOptions, start = prompt): Promise<number[]> {
  const tokens: number[] = [];
  for await (const token of generate(session, start, options)) tokens.push(token);
  return tokens;
}

async function afresh(options: GenerateOptions): Promise<number[]> {
  await session.reset();
  return generated(options);
}
