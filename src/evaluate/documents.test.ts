import { OptionError } from "../base/errors.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createNodeEngine } from "../engine/ort/ort-node.ts";
import { randomTokens, tinyModel } from "../runtime/fixtures.ts";
import { createSession, type Session } from "../runtime/session.ts";
import { binsOf, evaluateDocuments } from "./documents.ts";
import { fakeSession } from "./fixtures.ts";
import { evaluatePerplexity } from "./perplexity.ts";

const LONG = randomTokens(40);
const SHORT = randomTokens(15);

describe("evaluateDocuments", () => {
  let session: Session;
  beforeAll(async () => {
    session = createSession({ loaded: tinyModel(), engine: await createNodeEngine({ threads: 1 }) });
  });
  afterAll(() => session.dispose());

  it("reads each document with an empty memory, and weights them by their tokens", async () => {
    const nats: number[] = [];
    for (const document of [LONG, SHORT]) {
      await session.reset();
      const { tokens, perplexity } = await evaluatePerplexity(session, document);
      nats.push(tokens * Math.log(perplexity));
    }
    const mean = nats.reduce((sum, value) => sum + value, 0) / (39 + 14);
    for (const reportEvery of [7, 1000]) {
      const result = await evaluateDocuments(session, [LONG, SHORT], { reportEvery }); // what was read before is forgotten
      expect(result.perplexity / Math.exp(mean)).toBeCloseTo(1, 6); // as exact as single precision makes them
      expect(result.bitsPerByte).toBeCloseTo(mean / Math.LN2, 5);
      expect(result).toMatchObject({ tokens: 53, byPosition: [{ from: 0, tokens: 53 }] });
      expect(result.byPosition[0]?.bitsPerByte).toBeCloseTo(result.bitsPerByte, 12);
    }
  });

  it.each([1, 3, 8, 100])(
    "puts each token into the bin of its position, with progress every %i tokens",
    async (reportEvery) => {
      const seen: number[] = [];
      const result = await evaluateDocuments(positionSession(), [new Int32Array(20), new Int32Array(6)], {
        edges: [0, 4, 16, 64],
        reportEvery,
        onProgress: (done, total) => seen.push(done / total),
      });
      // Positions 1, 2, 3 of both; 4 to 15 of the first and 4, 5 of the second; 16 to 19 of the first. The last bin is empty.
      expect(result.byPosition.map(({ from, to, tokens }) => [from, to, tokens])).toEqual([
        [0, 4, 6],
        [4, 16, 14],
        [16, 64, 4],
      ]);
      const sums = result.byPosition.map(({ tokens, bitsPerByte }) => Math.round(tokens * bitsPerByte * Math.LN2));
      expect(sums).toEqual([12, 114 + 9, 70]);
      expect(result.bitsPerByte * Math.LN2).toBeCloseTo((12 + 123 + 70) / 24, 9);
      expect(seen.at(-1)).toBe(1);
      expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    },
  );

  it("refuses documents without a token to predict, and no documents", async () => {
    await expect(evaluateDocuments(session, [LONG, new Int32Array(1)])).rejects.toThrow(OptionError);
    await expect(evaluateDocuments(session, [])).rejects.toThrow(OptionError);
  });
});

describe("binsOf", () => {
  it("ends each bin where the next begins, and leaves the last open", () => {
    expect(binsOf([0, 10, 30])).toEqual([{ from: 0, to: 10 }, { from: 10, to: 30 }, { from: 30 }]);
  });
});

/** A session in which predicting a token costs as many nats as there are tokens before it. */
function positionSession(): Session {
  let read = 0;
  return {
    ...fakeSession(1, () => ""),
    reset: async () => void (read = 0),
    async score(tokens) {
      const { length } = tokens as Int32Array;
      return Float32Array.from({ length }, () => (read += 1));
    },
  };
}
