import { describe, expect, it } from "vitest";
import { encodeText } from "../data/bytes.ts";
import type { Haystack } from "../data/passkey.ts";
import { fakeSession, keyIn, type FakeSession } from "./fixtures.ts";
import { evaluatePasskey, type PasskeyOptions, type PasskeyRow } from "./passkey.ts";

const garbage: Haystack = { kind: "garbage" };
const knows = (text: string): string => ` ${keyIn(text)}.`;
const options: PasskeyOptions = { lengths: [300, 500], depths: [0, 0.5, 1], samples: 4, haystack: garbage, seed: 1 };

describe("evaluatePasskey", () => {
  it("finds a session that always knows the key right, in every cell", async () => {
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
      expect(row.seconds).toBeGreaterThan(0);
      expect(row.tokensPerSecond).toBeCloseTo((4 * row.length) / row.seconds, 6);
    }
  });

  it.each(["", " I do not know.", "\n\n\n\n"])("finds a session that answers %j wrong", async (answer) => {
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
    expect(row?.standardError).toBeCloseTo(Math.sqrt((0.75 ** 2 + 3 * 0.25 ** 2) / 3 / 4), 12);
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

  it("scores as many prompts as asked for, though lanes are left over", async () => {
    const session = fakeSession(4, (text, asked, lane) => (asked === 1 && lane >= 2 ? "none" : knows(text)));
    const [row] = await evaluatePasskey(session, { ...options, lengths: [300], depths: [0], samples: 6 });
    expect(row).toMatchObject({ samples: 6, tokenAccuracy: 1, exactMatch: 1 });
    expect(session.calls).toMatchObject({ prefill: 2, reset: 2 });
  });

  it("asks the same prompts whatever the number of lanes, and others for another seed", async () => {
    const one = await promptsRead(1, { ...options, samples: 4 });
    expect(new Set(one).size).toBe(24);
    expect((await promptsRead(4, { ...options, samples: 4 })).toSorted()).toEqual(one.toSorted());
    const other = await promptsRead(1, { ...options, seed: 2 });
    expect(other.filter((prompt) => one.includes(prompt))).toEqual([]);
  });

  it("asks with prompts of the length, the key at the depth, in the haystack given", async () => {
    const tokens = Uint8Array.from(encodeText("Call me Ishmael. "));
    const prompts = await promptsRead(1, { ...options, haystack: { kind: "text", tokens }, samples: 1 });
    expect(prompts.map((prompt) => prompt.length)).toEqual([300, 300, 300, 500, 500, 500]);
    for (const prompt of prompts) expect(prompt).toContain("Ishmael");
    const places = prompts.map((prompt) => prompt.indexOf("\nThe pass key is"));
    expect(places[0]).toBeLessThan(places[1] ?? 0);
    expect(places[1]).toBeLessThan(places[2] ?? 0);
    expect(places[3]).toBe(places[0]);
    expect(places[5]).toBeGreaterThan(places[2] ?? 0);
  });

  it("tells of each cell, and of all tokens at the end, never backwards", async () => {
    const seen: [number, number][] = [];
    const told: PasskeyRow[] = [];
    const rows = await evaluatePasskey(fakeSession(3, knows), {
      ...options,
      onProgress: (done, total) => seen.push([done, total]),
      onRow: (row) => told.push(row),
    });
    const total = 2 * 3 * (300 + 500);
    expect(told).toEqual(rows);
    expect(seen.at(-1)).toEqual([total, total]);
    expect(seen.every(([done, of], i) => of === total && done >= (seen[i - 1]?.[0] ?? 0))).toBe(true);
  });
});

// --- internal ---

/** Every prompt that a session of so many lanes was asked. */
async function promptsRead(batch: number, asked: PasskeyOptions): Promise<string[]> {
  const prompts: string[] = [];
  const session: FakeSession = fakeSession(batch, (text) => {
    prompts.push(text);
    return "none";
  });
  await evaluatePasskey(session, asked);
  return prompts;
}
