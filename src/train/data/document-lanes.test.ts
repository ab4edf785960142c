import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Batches, BatchOptions } from "./batch.ts";
import { createBatches } from "./batches.ts";
import { CorpusError, type Document } from "../../text/document.ts";
import { mixtureReadsText, mixtureSchema } from "./mixture.ts";

const mixture = mixtureSchema.parse([{ task: "documents", share: 1 }]);

const setting = fc.record({
  lengths: fc
    .array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 8 })
    .filter((all) => all.some((n) => n > 1)),
  batch: fc.integer({ min: 1, max: 5 }),
  length: fc.integer({ min: 1, max: 12 }),
  seed: fc.nat(),
});
const enoughDocuments = setting.filter(({ lengths, batch }) => lengths.filter((n) => n > 1).length >= batch);

describe("the lanes of documents", () => {
  it("read whole documents in turn", () => {
    fc.assert(
      fc.property(enoughDocuments, ({ lengths, ...options }) => {
        const documents = documentsOf(lengths);
        const wholes = documents.map(({ tokens }) => [...tokens]);
        for (const { text, ended } of readingsOf(optionsOf({ ...options, documents }), 40)) {
          const whole = wholes.find(([first]) => first === text[0]);
          expect(text).toEqual(ended ? whole : whole?.slice(0, text.length));
        }
      }),
    );
  });

  it("go through all documents in each epoch, and in another order in the next", () => {
    fc.assert(
      fc.property(enoughDocuments, ({ lengths, ...options }) => {
        const documents = documentsOf(lengths);
        const all = documents.flatMap(({ tokens: [first, ...rest] }) => (rest.length > 0 ? [first] : []));
        const begun = firstsOf(optionsOf({ ...options, documents }), 2 * lengths.reduce((a, b) => a + b));
        expect(begun.length).toBeGreaterThanOrEqual(2 * all.length);
        for (let i = 0; i + all.length <= begun.length; i += all.length) {
          expect(new Set(begun.slice(i, i + all.length))).toEqual(new Set(all));
        }
      }),
    );
    const begun = firstsOf(optionsOf({ documents: documentsOf(Array<number>(8).fill(5)), batch: 1, length: 4 }), 16);
    expect(begun.slice(0, 8)).not.toEqual(begun.slice(8));
  });

  it("start where a document does and nowhere else, whatever `carry` says", () => {
    const documents = documentsOf([21, 21]);
    for (const carry of [0, 0.9]) {
      // 20 tokens to predict are four sequences of five.
      const flags = flagsOf(createBatches(optionsOf({ documents, batch: 2, length: 5, carry })), 12);
      expect(flags).toEqual(flags.map((_, i) => (i % 4 === 0 ? [1, 1] : [0, 0])));
    }
  });

  it("are padded after the end of a document alone, where nothing counts", () => {
    const { tokens, targets, weights } = createBatches(
      optionsOf({ documents: [{ name: "d", tokens: Uint8Array.of(5, 6, 7, 8, 9, 10) }], batch: 1, length: 4 }),
    ).at(1);
    expect([[...tokens.data], [...targets.data], [...weights.data]]).toEqual([
      [9, 10, 0, 0],
      [10, 0, 0, 0],
      [1, 0, 0, 0],
    ]);
  });

  it("never wait: there is something to predict in every sequence, padding at its end alone", () => {
    fc.assert(
      fc.property(setting, ({ lengths, ...options }) => {
        const batches = createBatches(optionsOf({ ...options, documents: documentsOf(lengths) }));
        for (let i = 0; i < 20; i++) {
          const { weights } = batches.at(i);
          for (const row of rowsOf(weights.data, options.length)) {
            expect(row[0]).toBe(1);
            expect(row.toSorted((a, b) => b - a)).toEqual(row);
          }
        }
      }),
    );
  });

  it("give the same batch for its number, in any order of asking", () => {
    fc.assert(
      fc.property(setting, fc.array(fc.nat(30), { minLength: 1, maxLength: 8 }), ({ lengths, ...rest }, indices) => {
        const options = optionsOf({ ...rest, documents: documentsOf(lengths) });
        const batches = createBatches(options);
        for (const index of indices) expect(batches.at(index)).toEqual(createBatches(options).at(index));
      }),
    );
  });

  it("start again at the first batch of a stage, in a new order", () => {
    const options = optionsOf({ documents: documentsOf([22, 23, 24, 25, 26, 27, 28, 29]), batch: 2, length: 5 });
    const stage = createBatches({ ...options, first: 7 });
    expect([...stage.at(7).startOfSequence.data]).toEqual([1, 1]);
    expect([...stage.at(8).startOfSequence.data]).toEqual([0, 0]);
    expect(() => stage.at(6)).toThrow(new RangeError("there is no batch 6: the first is 7"));
    expect(firstsOf({ ...options, first: 7 }, 30)).not.toEqual(firstsOf(options, 30));
    expect(firstsOf({ ...options, seed: 4 }, 30)).not.toEqual(firstsOf(options, 30));
  });

  it("read one document in parts, each token predicted once", () => {
    // 102 tokens to predict in 11 sequences of 10: parts of 3, 4 and 4.
    const options = optionsOf({ documents: documentsOf([103]), batch: 3, length: 10 });
    expect(flagsOf(createBatches(options), 3)).toEqual([
      [1, 1, 1],
      [0, 0, 0],
      [0, 0, 0],
    ]);
    const parts = readingsOf(options, 4).slice(0, 3);
    const inOrder = parts.map(({ text }) => text).toSorted(([a = 0], [b = 0]) => a - b);
    expect(inOrder.map((part) => [part.at(0), part.at(-1)])).toEqual([
      [1, 31],
      [31, 71],
      [71, 103],
    ]);
  });

  it("read the longest documents in parts where there are fewer documents than lanes", () => {
    const lengths = fc.array(fc.integer({ min: 2, max: 80 }), { minLength: 1, maxLength: 3 });
    const lanes = fc.integer({ min: 1, max: 6 });
    fc.assert(
      fc.property(lengths, lanes, fc.integer({ min: 1, max: 12 }), (all, batch, length) => {
        const documents = documentsOf(all);
        const sequences = all.reduce((sum, n) => sum + Math.ceil((n - 1) / length), 0);
        const parts = Math.min(sequences, Math.max(batch, all.length));
        const readings = readingsOf(optionsOf({ documents, batch, length }), 2 * sequences + 1).slice(0, parts);
        expect(readings.every(({ ended }) => ended)).toBe(true);
        const predicted = readings.flatMap(({ text }) => text.slice(1));
        const expected = documents.flatMap(({ tokens }) => [...tokens.subarray(1)]);
        expect(predicted.toSorted((a, b) => a - b)).toEqual(expected);
      }),
    );
  });

  it("leave a long document to one lane, while the others continue", () => {
    const documents = documentsOf([1001, 11, 11, 11, 11]);
    const readings = readingsOf(optionsOf({ documents, batch: 2, length: 10 }), 120);
    const long = readings.filter(({ text }) => text.length > 11);
    expect(long.filter(({ ended }) => ended).map(({ text }) => text.length)).toContain(1001);
    expect(readings.length - long.length).toBeGreaterThan(4);
  });

  it("need a document of two tokens", () => {
    const make = (lengths: number[]): unknown => createBatches(optionsOf({ documents: documentsOf(lengths) }));
    expect(() => make([])).toThrow(CorpusError);
    expect(() => make([1, 0])).toThrow("no document has more than one token, so there is nothing to predict");
    expect(() => make([2])).not.toThrow();
    expect(mixtureReadsText(mixture)).toBe(true);
  });
});

// --- internal ---

function optionsOf(options: Partial<BatchOptions>): BatchOptions {
  return { mixture, documents: [], batch: 2, length: 10, seed: 3, ...options };
}

/** Documents of these lengths. No token is in two places as long as there are 255 at most; none is 0. */
function documentsOf(lengths: readonly number[]): Document[] {
  let last = 0;
  return lengths.map((length, i) => ({
    name: `document ${i}`,
    tokens: Uint8Array.from({ length }, () => (last = (last % 255) + 1)),
  }));
}

interface Reading {
  /** The first token and all that were predicted. */
  readonly text: number[];
  /** Whether its lane has moved on to the next. */
  ended: boolean;
}

/** What the lanes read from one start of a sequence to the next in the first batches, in the order of the starts. */
function readingsOf(options: BatchOptions, steps: number): Reading[] {
  const batches = createBatches(options);
  const [readings, current]: [Reading[], Reading[]] = [[], []];
  for (let i = 0; i < steps; i++) {
    const { tokens, targets, weights, startOfSequence } = batches.at((options.first ?? 0) + i);
    const [inputs, outputs, counts] = [tokens, targets, weights].map(({ data }) => rowsOf(data, options.length));
    for (const [lane, start] of startOfSequence.data.entries()) {
      const counted = counts?.[lane]?.filter((weight) => weight === 1).length ?? 0;
      const before = inputs?.[lane]?.slice(0, counted) ?? [];
      const last = current[lane];
      if (start === 1 || !last) {
        if (last) last.ended = true;
        readings.push((current[lane] = { text: before.slice(0, 1), ended: false }));
      }
      const text = current[lane]?.text ?? [];
      text.push(...(outputs?.[lane]?.slice(0, counted) ?? []));
      // What is read is what was predicted.
      expect(before).toEqual(text.slice(-counted - 1, -1));
    }
  }
  return readings;
}

/** The first tokens of what the lanes begin to read, which say what it is. */
function firstsOf(options: BatchOptions, steps: number): (number | undefined)[] {
  return readingsOf(options, steps).map(({ text }) => text[0]);
}

function flagsOf(batches: Batches, steps: number): number[][] {
  return Array.from({ length: steps }, (_, i) => [...batches.at(i).startOfSequence.data]);
}

function rowsOf(data: Int32Array | Float32Array, length: number): number[][] {
  return Array.from({ length: data.length / length }, (_, i) => [...data.subarray(i * length, (i + 1) * length)]);
}
