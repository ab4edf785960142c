import { describe, expect, it } from "vitest";
import { decodeTokens, encodeText } from "../text/bytes.ts";
import { PASSKEY_QUESTION, PASSKEY_TASK, shortestPasskeyPrompt, type Haystack } from "../tasks/passkey.ts";
import { createNodeEngine } from "../engine/ort/ort-node.ts";
import { SEGMENT, tinyModel } from "../runtime/fixtures.ts";
import type { Snapshot } from "../runtime/lanes.ts";
import { createSession, type Session } from "../runtime/session.ts";
import { fakeSession, keyIn } from "./fixtures.ts";
import { answerPrompts } from "./answers.ts";
import { ANSWER_CHARACTERS, evaluatePasskey, type PasskeyOptions, type PasskeyRow } from "./passkey.ts";

const garbage: Haystack = { kind: "garbage" };
const knows = (text: string): string => ` ${keyIn(text)}.`;
const options: PasskeyOptions = { lengths: [300, 500], depths: [0, 0.5, 1], samples: 4, haystack: garbage, seed: 1 };

describe("evaluatePasskey", () => {
  it("scores a session that always knows the key as right, in every cell", async () => {
    const rows = await evaluatePasskey(fakeSession(2, knows), options);
    expect(rows.map(({ length, depth }) => [length, depth])).toEqual([
      [300, 0],
      [300, 0.5],
      [300, 1],
      [500, 0],
      [500, 0.5],
      [500, 1],
    ]);
    for (const row of rows) {
      expect(row).toMatchObject({ samples: 4, tokenAccuracy: 1, exactMatch: 1, standardError: 0 });
      expect(row.exactStandardError).toBe(0);
      expect(row.seconds).toBeGreaterThan(0);
    }
  });

  it.each(["", " I do not know.", "\n\n\n\n"])("scores a session that answers %j as wrong", async (answer) => {
    for (const row of await evaluatePasskey(
      fakeSession(2, () => answer),
      options,
    )) {
      expect(row).toMatchObject({ samples: 4, tokenAccuracy: 0, exactMatch: 0, standardError: 0 });
    }
  });

  it("gives the standard error of the mean over the prompts", async () => {
    const [row] = await evaluatePasskey(
      fakeSession(1, (text, asked) => (asked % 4 === 0 ? knows(text) : "none")),
      {
        ...options,
        lengths: [300],
        depths: [0.5],
      },
    );
    expect(row).toMatchObject({ tokenAccuracy: 0.25, exactMatch: 0.25 });
    const error = Math.sqrt((0.75 ** 2 + 3 * 0.25 ** 2) / 3 / 4);
    expect(row?.standardError).toBeCloseTo(error, 12);
    expect(row?.exactStandardError).toBeCloseTo(error, 12);
  });

  it("counts digits in their place, and an answer only as a whole", async () => {
    const firstTwo = (text: string): string => ` ${keyIn(text).slice(0, 2)}`;
    const [row] = await evaluatePasskey(fakeSession(1, firstTwo), {
      ...options,
      lengths: [300],
      depths: [0],
      samples: 1,
    });
    const key = 2 / (row?.tokenAccuracy ?? NaN);
    expect([3, 4, 5]).toContain(Math.round(key));
    expect(row).toMatchObject({ exactMatch: 0, standardError: 0, samples: 1 });
  });

  it("scores exactly as many prompts as requested, though lanes are left over", async () => {
    const session = fakeSession(4, (text, asked, lane) => (asked === 1 && lane >= 2 ? "none" : knows(text)));
    const [row] = await evaluatePasskey(session, { ...options, lengths: [300], depths: [0], samples: 6 });
    expect(row).toMatchObject({ samples: 6, tokenAccuracy: 1, exactMatch: 1 });
    expect(session.calls).toMatchObject({ prefill: 2, reset: 2 });
  });

  it("hides the same keys in the same haystacks for every cell and number of lanes, not for another seed", async () => {
    const one = await promptsAsked(1, options);
    expect(one).toHaveLength(4 * 6);
    expect(new Set(one).size).toBe(4 * 6);
    const keys = (prompts: readonly string[]): string[] => [...new Set(prompts.map(keyIn))].toSorted();
    expect(keys(one)).toHaveLength(4);
    expect(keys(await promptsAsked(4, options))).toEqual(keys(one));
    expect(keys(await promptsAsked(1, { ...options, lengths: [400] }))).toEqual(keys(one));
    const other = keys(await promptsAsked(1, { ...options, seed: 2 }));
    expect(other.filter((key) => keys(one).includes(key))).toEqual([]);
  });

  it("hides the key at its depth, give or take a segment, in the haystack given", async () => {
    const tokens = Uint8Array.from(encodeText("Call me Ishmael. "));
    const prompts = await promptsAsked(1, { ...options, haystack: { kind: "text", tokens }, samples: 20 });
    expect(prompts).toHaveLength(20 * 6);
    const places = prompts.map((prompt) => {
      const [task, before = "", , after = ""] = prompt.split("\n");
      expect(task).toBe(PASSKEY_TASK);
      expect(before + after).toContain("Ishmael");
      return { before: before.length, after: after.length, long: prompt.length > 400 };
    });
    const start = places.filter(({ before }) => before <= SEGMENT);
    const end = places.filter(({ after }) => after <= SEGMENT);
    const middle = places.filter(({ before, after }) => Math.abs(before - after) <= SEGMENT + 1);
    for (const cell of [start, middle, end]) {
      expect(cell.filter(({ long }) => long)).toHaveLength(20);
      expect(cell.filter(({ long }) => !long)).toHaveLength(20);
    }
    expect(new Set(start.map(({ before }) => before)).size).toBe(SEGMENT);
    expect(new Set(end.map(({ after }) => after)).size).toBe(SEGMENT);
  });

  it("asks at every place of a segment, with prompts never longer than the length", async () => {
    const lengths = async (batch: number, length: number): Promise<number[]> => {
      const prompts = await promptsAsked(batch, { ...options, lengths: [length], samples: SEGMENT * 2 });
      return [...new Set(prompts.map((prompt) => prompt.length))].toSorted();
    };
    expect(await lengths(1, 300)).toEqual([297, 298, 299, 300]);
    expect(await lengths(2, 300)).toEqual([297, 298, 299, 300]);
    expect(await lengths(8, 300)).toHaveLength(1);
    const shortest = shortestPasskeyPrompt();
    expect(await lengths(1, shortest + 1)).toEqual([shortest, shortest + 1]);
  });

  it("reads the common part of prompts once, and counts it once", async () => {
    const session = fakeSession(2, knows);
    let read = 0;
    const counting: Session = {
      ...session,
      prefill(tokens, onProgress) {
        read += (tokens as readonly Int32Array[])[0]?.length ?? 0;
        return session.prefill(tokens, onProgress);
      },
    };
    let planned = 0;
    const rows = await evaluatePasskey(counting, {
      ...options,
      lengths: [1000, 2000, 4000],
      onProgress: (_, total) => (planned = total),
    });
    expect(read).toBe(planned);
    // Start and end: the longest prompt once each. Middle: the halves after the key.
    expect(read).toBeLessThan(2 * (4000 + 4000 + 500 + 1000 + 2000 + 9 * 120));
    const counted = rows.reduce((sum, { seconds, tokensPerSecond }) => sum + seconds * tokensPerSecond, 0);
    expect(counted).toBeCloseTo(2 * read, 3);
  });

  it("reports each cell, and all tokens at the end, never going backwards", async () => {
    const seen: [number, number][] = [];
    const told: PasskeyRow[] = [];
    const rows = await evaluatePasskey(fakeSession(3, knows), {
      ...options,
      onProgress: (done, total) => seen.push([done, total]),
      onRow: (row) => told.push(row),
    });
    const total = seen.at(-1)?.[1] ?? NaN;
    const inOrder = told.toSorted((a, b) => a.length - b.length || a.depth - b.depth);
    expect(inOrder.map(({ length, depth }) => [length, depth])).toEqual(
      rows.map(({ length, depth }) => [length, depth]),
    );
    for (const row of told) expect(row).toMatchObject({ samples: 4, tokenAccuracy: 1 });
    expect(seen.at(-1)).toEqual([total, total]);
    expect(seen.every(([done, of], i) => of === total && done >= (seen[i - 1]?.[0] ?? 0))).toBe(true);
  });

  it.each<[string, Partial<PasskeyOptions>, RegExp]>([
    ["a length without room", { lengths: [500, 100] }, /a pass key prompt needs at least \d+ tokens, got 100/],
    ["a depth past the end", { depths: [0, 1.5] }, /depth of a pass key must be within 0\.\.1, got 1\.5/],
    ["an empty text", { haystack: { kind: "text", tokens: new Uint8Array() } }, /text to hide a pass key in is empty/],
  ])("refuses %s before it reads anything", async (_, changes, problem) => {
    const session = fakeSession(2, knows);
    await expect(evaluatePasskey(session, { ...options, ...changes })).rejects.toThrow(problem);
    expect(session.calls.prefill).toBe(0);
  });

  it("answers as if every prompt had been read from scratch", async () => {
    const loaded = tinyModel({}, 256);
    const engine = await createNodeEngine({ threads: 1 });
    const session = createSession({ loaded, engine, batch: 2, blockLength: 8 * SEGMENT });
    const text = Uint8Array.from(encodeText("Call me Ishmael. Some years ago, never mind how long.\n"));
    for (const haystack of [garbage, { kind: "text", tokens: text } as const]) {
      const { recorder, asked } = record(session);
      await evaluatePasskey(recorder, { ...options, lengths: [300, 400], samples: 2, haystack });
      expect(asked).toHaveLength(6);
      const fresh = createSession({ loaded, engine, batch: 2 });
      for (const { prompts, logits, answers } of asked) {
        const again = record(fresh);
        await again.recorder.reset();
        await answerPrompts(again.recorder, prompts.map(encodeText), { characters: ANSWER_CHARACTERS });
        expect(answers).toEqual(again.asked[0]?.answers);
        const expected = again.asked[0]?.logits ?? new Float32Array();
        expect(logits.length).toBe(expected.length);
        const far = expected.filter(
          (value, i) => !(Math.abs((logits[i] ?? NaN) - value) < 2e-5 * (1 + Math.abs(value))),
        );
        expect(far).toHaveLength(0);
      }
    }
  });
});

// --- internal ---

/** Every prompt that a session with this many lanes was asked. */
async function promptsAsked(batch: number, asked: PasskeyOptions): Promise<string[]> {
  const prompts: string[] = [];
  const session = fakeSession(batch, (text) => {
    if (text.endsWith(PASSKEY_QUESTION)) prompts.push(text);
    return "none";
  });
  await evaluatePasskey(session, asked);
  return prompts;
}

interface Asked {
  /** What each lane had read. */
  readonly prompts: readonly string[];
  readonly logits: Float32Array;
  /** What each lane wrote and read back. */
  readonly answers: number[][];
}

/** A session, and what it was asked. */
function record(session: Session): { recorder: Session; asked: Asked[] } {
  const asked: Asked[] = [];
  const read = new Map<Snapshot | undefined, readonly string[]>();
  let texts: readonly string[] = ["", ""];
  const recorder: Session = {
    ...session,
    async prefill(tokens) {
      texts = texts.map((text, lane) => text + decodeTokens((tokens as readonly Int32Array[])[lane] ?? []));
      const logits = await session.prefill(tokens);
      if (texts.every((text) => text.endsWith(PASSKEY_QUESTION)))
        asked.push({ prompts: texts, logits: logits.slice(), answers: texts.map(() => []) });
      return logits;
    },
    step(tokens) {
      asked.at(-1)?.answers.forEach((answer, lane) => answer.push((tokens as readonly number[])[lane] ?? -1));
      return session.step(tokens);
    },
    async snapshot() {
      const snapshot = await session.snapshot();
      read.set(snapshot, texts);
      return snapshot;
    },
    async restore(snapshot) {
      texts = read.get(snapshot) ?? [];
      await session.restore(snapshot);
    },
    async reset() {
      texts = ["", ""];
      await session.reset();
    },
  };
  return { recorder, asked };
}
