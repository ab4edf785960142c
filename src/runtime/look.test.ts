import { beforeAll, describe, expect, it } from "vitest";
import { MEMORY_UPDATES } from "../mixers/infini/config.ts";
import { encodeText } from "../text/bytes.ts";
import { PASSKEY_QUESTION, PASSKEY_TASK, passkeySentence } from "../tasks/passkey.ts";
import type { Engine } from "../engine/engine.ts";
import { createNodeEngine } from "../engine/ort/ort-node.ts";
import { gatesOf } from "../model/gates.ts";
import type { LoadedModel } from "../model/transformer.ts";
import { loadModelFolder } from "../platform/node/model-folder.ts";
import { randomTokens, SEGMENT, tinyModel } from "./fixtures.ts";
import { lookInside, type HeadLook, type LookOptions, type SegmentLook } from "./look.ts";
import { SessionError } from "./lane-tokens.ts";
import type { Snapshot } from "./lanes.ts";
import { createSession } from "./session.ts";

let engine: Engine;

beforeAll(async () => {
  engine = await createNodeEngine({ threads: 1 });
});

describe.each(MEMORY_UPDATES.filter((update) => update !== "none").map((update) => ({ update })))(
  "a look inside, $update",
  ({ update }) => {
    const loaded = tinyModel({ memory: { update, cache: true } });
    const tokens = randomTokens(6 * SEGMENT + 2);

    it("shows every token, and each head's gate and shares", async () => {
      const looks = await lookAt(loaded, tokens);
      expect(looks.flatMap(({ tokens: part }) => [...part])).toEqual([...tokens]);
      const gates = gatesOf(loaded);
      for (const { index, firstEarlier, layers, tokens: part } of looks) {
        expect(layers.map((heads) => heads.map(({ gate }) => gate[0]?.toFixed(5)))).toEqual(
          gates.map((heads) => heads.map((gate) => gate.toFixed(5))),
        );
        expect(firstEarlier).toBe(0);
        for (const { gate, memoryShare, resemblance } of layers.flat()) {
          expect([gate.length, memoryShare.length]).toEqual([part.length, part.length]);
          expect(resemblance.map((row) => row.length)).toEqual(Array(index).fill(part.length));
          expect(memoryShare.every((share) => (index === 0 ? share === 0 : share > 0 && share < 1))).toBe(true);
          expect(resemblance.every((row) => row.every((cosine) => Math.abs(cosine) < 1.0001))).toBe(true);
        }
      }
    });

    it("shows the same for a token whatever comes after it", async () => {
      const [whole, cut] = [await lookAt(loaded, tokens), await lookAt(loaded, tokens.subarray(0, 3 * SEGMENT + 2))];
      const last = cut.at(-1);
      expect(last?.layers.flat().map(({ memoryShare }) => [...memoryShare])).toEqual(
        whole[3]?.layers.flat().map(({ memoryShare }) => [...memoryShare.subarray(0, 2)]),
      );
    });

    it("keeps the most recent segments to compare with", async () => {
      const [all, few] = [await lookAt(loaded, tokens), await lookAt(loaded, tokens, { earlier: 2 })];
      expect(few.map(({ firstEarlier }) => firstEarlier)).toEqual([0, 0, 0, 1, 2, 3, 4]);
      few.forEach(({ layers, firstEarlier }, s) => {
        const expected = all[s]?.layers.flat().map(({ resemblance }) => rounded(resemblance.slice(firstEarlier)));
        expect(layers.flat().map(({ resemblance }) => rounded(resemblance))).toEqual(expected);
      });
    });

    it.each([3 * SEGMENT, 3 * SEGMENT - 1, 2 * SEGMENT + 1])(
      "shows the segments of a text after its first %i tokens as if it had seen the whole text",
      async (length) => {
        const whole = (await lookAt(loaded, tokens)).slice(3);
        const from = await snapshotAfter(loaded, tokens.subarray(0, length));
        const rest = await lookAt(loaded, tokens.subarray(length), { from });
        expect(rest.map(({ index, firstEarlier }) => [index, firstEarlier])).toEqual(whole.map((_, i) => [i, 0]));
        expect(rest.map(({ tokens: part }) => [...part])).toEqual(whole.map(({ tokens: part }) => [...part]));
        const [shown, expected] = [
          rest.flatMap((look) => numbersOf(look, 0)),
          whole.flatMap((look) => numbersOf(look, 3)),
        ];
        expect(shown.length).toBe(expected.length);
        expect(Math.max(...shown.map((value, i) => Math.abs(value - (expected[i] ?? NaN))))).toBeLessThan(1e-4);
      },
    );
  },
);

describe("a look inside", () => {
  it("finds the segment of the pass key in what the shipped model reads from memory", async () => {
    const hay = "The ship went on through the night and nobody spoke of the whale. ".repeat(10);
    const before = `${PASSKEY_TASK}\n${hay}\n`;
    const tokens = encodeText(`${before}${passkeySentence("41927")}\n${hay}\n${PASSKEY_QUESTION} 41927`);
    const looks = await lookAt(await loadModelFolder("models/passkey"), tokens);
    const last = looks.at(-1);
    const answering = (last?.tokens.length ?? 0) - 5; // the space, from which the first digit is written
    const [first, end] = [before.length, before.length + passkeySentence("41927").length].map((at) =>
      Math.floor(at / 64),
    );
    // One of its four heads does all the writing, and writes almost nothing but keys.
    const reading = last?.layers.flat().filter(({ memoryShare }) => (memoryShare[answering] ?? 0) > 0.5) ?? [];
    expect(reading.length).toBe(1);
    for (const head of reading) expect([first, end]).toContain(mostAlike(head, answering));
  });

  it("shows zeros in the layers and heads that have no memory", async () => {
    const loaded = tinyModel({
      numKeyValueHeads: 2,
      layers: [{ mixer: { kind: "gated-deltanet" } }, { memory: { heads: [1] } }],
    });
    const looks = await lookAt(loaded, randomTokens(3 * SEGMENT));
    expect(looks.length).toBe(3);
    for (const { index, layers: shown } of looks) {
      const [[first, second] = [], [third, remembering] = []] = shown;
      for (const head of [first, second, third]) {
        expect(numbersOfHead(head)).toEqual(Array(SEGMENT * (2 + index)).fill(0));
      }
      expect(remembering?.gate.every((gate) => gate > 0 && gate < 1)).toBe(true);
      expect(remembering?.memoryShare.every((share) => (index === 0 ? share === 0 : share > 0))).toBe(true);
    }
  });

  it.each([
    ["without a memory", tinyModel({ memory: { update: "none" } })],
    ["with another mixer", tinyModel({ mixer: { kind: "gated-deltanet" } })],
  ])("refuses a model %s", async (_, loaded) => {
    await expect(lookAt(loaded, randomTokens(3))).rejects.toThrow(
      new SessionError("the model has no memory to look into"),
    );
  });

  it.each([
    [[], "there are no tokens to read"],
    [[3, 20], "token 20 is not in the vocabulary of 20"],
  ])("refuses the tokens %j", async (tokens, problem) => {
    await expect(lookAt(tinyModel(), Int32Array.from(tokens))).rejects.toThrow(new SessionError(problem));
  });

  it("refuses what was read by another model or in several lanes, or tokens that only fill a segment", async () => {
    const [loaded, tokens] = [tinyModel(), randomTokens(SEGMENT + 1)];
    const from = await snapshotAfter(loaded, tokens);
    await expect(lookAt(tinyModel(), tokens, { from })).rejects.toThrow(
      new SessionError("the snapshot is from another model"),
    );
    await expect(lookAt(loaded, tokens, { from: await snapshotAfter(loaded, tokens, 2) })).rejects.toThrow(
      new SessionError("the session has 1 lanes, the snapshot has 2"),
    );
    await expect(lookAt(loaded, randomTokens(3), { from })).rejects.toThrow(
      new SessionError("the open segment takes 3 more tokens, but there are only 3"),
    );
  });
});

// --- internal ---

function numbersOfHead(head: HeadLook | undefined): number[] {
  return head ? [...head.gate, ...head.memoryShare, ...head.resemblance.flatMap((row) => [...row])] : [];
}

async function lookAt(
  loaded: LoadedModel,
  tokens: Int32Array,
  options: Pick<LookOptions, "earlier" | "from"> = {},
): Promise<SegmentLook[]> {
  const looks: SegmentLook[] = [];
  for await (const look of lookInside({ loaded, engine, ...options }, tokens)) looks.push(look);
  return looks;
}

async function snapshotAfter(loaded: LoadedModel, tokens: Int32Array, batch = 1): Promise<Snapshot> {
  const session = createSession({ loaded, engine, batch });
  await session.prefill(Array.from({ length: batch }, () => tokens));
  const snapshot = await session.snapshot();
  await session.dispose();
  return snapshot;
}

/** Everything shown of a segment, except how it resembles the first ones. */
function numbersOf({ layers }: SegmentLook, firstEarlier: number): number[] {
  return layers
    .flat()
    .flatMap(({ gate, memoryShare, resemblance }) => [gate, memoryShare, ...resemblance.slice(firstEarlier)])
    .flatMap((row) => [...row]);
}

function rounded(rows: readonly Float32Array[]): number[][] {
  return rows.map((row) => Array.from(row, (value) => Math.round(value * 1e4) / 1e4));
}

/** Index of the earlier segment that the memory's answer to a token resembles most. */
function mostAlike({ resemblance }: HeadLook, token: number): number {
  const cosines = resemblance.map((row) => row[token] ?? 0);
  return cosines.indexOf(Math.max(...cosines));
}
