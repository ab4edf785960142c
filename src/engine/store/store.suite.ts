import { beforeAll, describe, expect, it } from "vitest";
import { add, input, mul, slice } from "../../graph/builder.ts";
import { createGraph, type Graph } from "../../graph/graph.ts";
import { floatTensor, intTensor, type FloatTensor, type HostTensor } from "../../tensor/host-tensor.ts";
import type { Flat } from "../../tensor/tree.ts";
import type { Engine, Program } from "../engine.ts";
import { createStore, shareValues, type Store } from "./store.ts";

export interface StoreSuiteOptions {
  /** Why the suite cannot run here; it is then listed as one skipped test. */
  readonly skip?: string | undefined;
  /** Whether the engine has its own memory. */
  readonly onDevice: boolean;
}

/** What every store must do. */
export function storeSuite(
  name: string,
  createEngine: () => Engine | Promise<Engine>,
  { skip, onDevice }: StoreSuiteOptions,
): void {
  if (skip !== undefined) return it.skip(`store on ${name}: ${skip}`, () => {});
  describe(`store on ${name}`, () => {
    let engine: Engine;
    beforeAll(async () => {
      engine = await createEngine();
    });
    const opened = async (values: Flat<HostTensor>, graph: Graph): Promise<Opened> => {
      const store = createStore(engine, values);
      return { store, program: await store.compile(graph) };
    };
    const closed = async ({ store, program }: Opened): Promise<void> => {
      await store.dispose();
      await program.dispose();
    };

    it("is where the engine computes", () => expect(engine.compileResident !== undefined).toBe(onDevice));

    it("feeds programs its values, and takes replacements once they are kept", async () => {
      const both = await opened({ count: row(1, 2), weight: row(3, 3) }, COUNTING);
      const { store, program } = both;
      for (const [step, expected] of [4, 7, 10].entries()) {
        const results = await program.run({ by: row(step, step) });
        expect(numbersOf(results)).toEqual({ sum: [step + expected - 3, step + expected - 2] });
        store.keep();
        expect(numbersOf(await store.read())).toEqual({ count: [expected, expected + 1], weight: [3, 3] });
      }
      await closed(both);
    });

    it("discards results that are not kept", async () => {
      const both = await opened({ count: row(1, 2), weight: row(3, 3) }, COUNTING);
      const { store, program } = both;
      await program.run({ by: row(0, 0) });
      expect(numbersOf(await store.read()).count).toEqual([1, 2]);
      await program.run({ by: row(0, 0) });
      store.keep();
      store.keep();
      expect(numbersOf(await store.read()).count).toEqual([4, 5]);
      await program.run({ by: row(0, 0) });
      store.write({ weight: row(5, 5) });
      store.keep();
      expect(numbersOf(await store.read())).toEqual({ count: [4, 5], weight: [5, 5] });
      await closed(both);
    });

    it("neither copies nor changes given values, and never writes to held ones", async () => {
      const [count, weight] = [row(1, 2), row(3, 3)];
      const both = await opened({ count, weight }, COUNTING);
      const { store, program } = both;
      const held: Flat<HostTensor>[] = [];
      for (let step = 0; step < 6; step++) {
        held.push(await store.hold((each) => each === "count"));
        await program.run({ by: row(0, 0) });
        store.keep();
      }
      expect(held.map((values) => numbersOf(values).count?.[0])).toEqual([1, 4, 7, 10, 13, 16]);
      expect(Object.keys(held[0] ?? {})).toEqual(["count"]);
      store.write({ count });
      await program.run({ by: row(0, 0) });
      store.keep();
      store.clear(() => true);
      expect([count, weight].map(({ data }) => [...data])).toEqual([
        [1, 2],
        [3, 3],
      ]);
      await closed(both);
    });

    it("continues from values that are written, and from zeros", async () => {
      const both = await opened({ count: row(1, 2), weight: row(3, 3) }, COUNTING);
      const { store, program } = both;
      for (const [begin, expected] of [
        [() => store.write({ count: row(10, 20) }), [13, 23]],
        [() => store.write({ count: row(30, 40) }), [33, 43]],
        [() => store.clear((each) => each === "count"), [3, 3]],
        [() => store.clear((each) => each === "count"), [3, 3]],
      ] as const) {
        begin();
        await program.run({ by: row(0, 0) });
        store.keep();
        expect(numbersOf(await store.read()).count).toEqual(expected);
      }
      store.clear(() => true);
      expect(numbersOf(await store.read())).toEqual({ count: [0, 0], weight: [0, 0] });
      await closed(both);
    });

    it("writes rows where they go in each lane, and no more than count", async () => {
      const open = floatTensor([2, 4, 1], Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8));
      const rows = mul(slice(input("open", [2, 4, 1]), 1, 0, 3), 10);
      const both = await opened({ open, other: row(0, 0) }, createGraph({ "rows.open": rows }));
      const { store, program } = both;
      let before = [...open.data];
      for (const [offset, length, expected] of [
        [
          [0, 0],
          [3, 3],
          [10, 20, 30, 4, 50, 60, 70, 8],
        ],
        [
          [2, 2],
          [2, 2],
          [10, 20, 100, 200, 50, 60, 500, 600],
        ],
        [
          [3, 1],
          [1, 2],
          [10, 20, 100, 100, 50, 500, 600, 600],
        ],
        [
          [1, 2],
          [0, 0],
          [10, 20, 100, 100, 50, 500, 600, 600],
        ],
        [
          [0, 3],
          [0, 1],
          [10, 20, 100, 100, 50, 500, 600, 500],
        ],
      ] as const) {
        expect(await program.run({ offset: whole(...offset), length: whole(...length) })).toEqual({});
        expect(numbersOf(await store.read()).open).toEqual(before);
        store.keep();
        expect(numbersOf(await store.read()).open).toEqual(expected);
        before = [...expected];
      }
      expect([...open.data]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      await closed(both);
    });

    it("serves several programs, and passes through values that are not in it", async () => {
      const both = await opened({ count: row(1, 2), weight: row(3, 3) }, COUNTING);
      const { store, program } = both;
      const state = input("state", [2]);
      const other = await store.compile(createGraph({ "next.state": add(state, input("count", [2])) }));
      const target = row(0, 0);
      for (let step = 0; step < 2; step++) {
        await program.run({ by: row(0, 0) });
        store.keep();
        const results = await other.run({ state: row(100, 100) }, { "next.state": target });
        expect(results).toEqual({ "next.state": target });
        expect(results["next.state"]).toBe(target);
      }
      expect([...target.data]).toEqual([107, 108]);
      await other.dispose();
      await closed(both);
    });

    it("computes the same with fixed values", async () => {
      const store = createStore(engine, { count: row(1, 2), weight: row(3, 3) });
      const program = await store.compile(COUNTING, { isFixed: (each) => each === "weight" });
      for (const expected of [4, 7]) {
        await program.run({ by: row(0, 0) });
        store.keep();
        expect(numbersOf(await store.read())).toEqual({ count: [expected, expected + 1], weight: [3, 3] });
      }
      await closed({ store, program });
    });

    it("shares values and programs with other stores, each with its own changing values", async () => {
      const shared = shareValues(engine, { weight: row(3, 3) });
      const stores = [row(1, 2), row(10, 20)].map((count) => createStore(engine, { count }, shared));
      for (const isFixed of [undefined, (each: string) => each === "weight"]) {
        const prepared = await stores[0]?.prepare(COUNTING, isFixed ? { isFixed } : {});
        if (!prepared) throw new Error("there is no store");
        for (const [i, store] of stores.entries()) {
          const before = numbersOf(await store.read()).count ?? [];
          const results = await store.bind(prepared).run({ by: row(i, i) });
          expect(numbersOf(results)).toEqual({ sum: before.map((value) => value + i) });
          store.keep();
          expect(numbersOf(await store.read())).toEqual({ count: before.map((value) => value + 3) });
          expect(() => store.write({ weight: row(0, 0) })).toThrow(/no "weight" in the store/);
        }
        await prepared.dispose();
      }
      for (const store of stores) await store.dispose();
      await shared.dispose();
    });

    it("brings shared values to a device once, even when two stores request them at once", async () => {
      const shared = shareValues(engine, { weight: row(3, 3) });
      const stores = [row(1, 2), row(10, 20)].map((count) => createStore(engine, { count }, shared));
      const prepared = await stores[0]?.prepare(COUNTING);
      if (!prepared) throw new Error("there is no store");
      const results = await Promise.all(stores.map((store) => store.bind(prepared).run({ by: row(1, 1) })));
      expect(results.map(numbersOf)).toEqual([{ sum: [2, 3] }, { sum: [11, 21] }]);
      for (const store of stores) await store.dispose();
      await prepared.dispose();
      await shared.dispose();
    });

    it("takes values of one lane, and changes neither the others nor what it was given", async () => {
      const count = floatTensor([3, 2], Float32Array.of(1, 2, 3, 4, 5, 6));
      const graph = createGraph({ "next.count": add(input("count", [3, 2]), 1) });
      const both = await opened({ count }, graph);
      const { store, program } = both;
      const step = async (): Promise<void> => {
        await program.run({});
        store.keep();
      };
      for (const before of [false, true]) {
        if (before) await step();
        const held = await store.hold();
        const copy = numbersOf(held);
        await store.writeLane(1, { count: floatTensor([1, 2], Float32Array.of(30, 40)) });
        const [lane0, lane2] = before
          ? [
              [2, 3],
              [6, 7],
            ]
          : [
              [1, 2],
              [5, 6],
            ];
        expect(numbersOf(await store.read()).count).toEqual([...(lane0 ?? []), 30, 40, ...(lane2 ?? [])]);
        expect(numbersOf(held)).toEqual(copy);
        await step();
        expect(numbersOf(await store.read()).count?.slice(2, 4)).toEqual([31, 41]);
        store.write({ count });
      }
      expect([...count.data]).toEqual([1, 2, 3, 4, 5, 6]);
      await expect(store.writeLane(3, { count: floatTensor([1, 2], new Float32Array(2)) })).rejects.toThrow(/lane 3/);
      await expect(store.writeLane(0, { count: row(1, 2) })).rejects.toThrow(/is not lane 0 of "count"/);
      await expect(store.writeLane(0, { other: row(1) })).rejects.toThrow(/no "other" in the store/);
      await closed(both);
    });

    it("never writes to values that were read and are written back", async () => {
      const both = await opened({ count: row(1, 2), weight: row(3, 3) }, COUNTING);
      const { store, program } = both;
      const step = async (): Promise<Flat<HostTensor>> => {
        await program.run({ by: row(0, 0) });
        store.keep();
        return store.read((each) => each === "count");
      };
      await step();
      const first = await step();
      const second = await step();
      store.write(first);
      const before = numbersOf(first);
      for (let i = 0; i < 3; i++) await step();
      expect(numbersOf(first)).toEqual(before);
      store.write(first);
      store.write(second);
      await program.run({ by: row(0, 0) });
      expect(numbersOf(await store.read()).count).toEqual(numbersOf(second).count);
      await closed(both);
    });

    it("frees results of a program that were never read", async () => {
      const graph = createGraph({ "next.count": add(input("count", [2]), 1) });
      const both = await opened({ count: row(1, 2) }, graph);
      await both.program.run({});
      both.store.keep();
      await both.program.run({});
      await closed(both);
    });

    it("refuses rows and targets that do not fit, and stays unchanged", async () => {
      const rows = mul(slice(input("open", [1, 4, 1]), 1, 0, 2), 10);
      const graph = createGraph({ "rows.open": rows, first: slice(rows, 1, 0, 1) });
      const both = await opened({ open: floatTensor([1, 4, 1], Float32Array.of(1, 2, 3, 4)) }, graph);
      const { store, program } = both;
      const place = (offset: number, length: number): Flat<HostTensor> => ({
        offset: whole(offset),
        length: whole(length),
      });
      for (const [offset, length] of [
        [3, 2],
        [0, 3],
        [-1, 1],
      ] as const)
        await expect(program.run(place(offset, length))).rejects.toThrow(/rows do not fit into the 4 of "open"/);
      await expect(program.run({ offset: whole(0, 0), length: whole(1, 1) })).rejects.toThrow(/"open" has 1 lanes/);
      await expect(program.run({ length: whole(1) })).rejects.toThrow(/input "offset" is missing/);
      await expect(program.run(place(0, 2), { first: row() })).rejects.toThrow();
      store.keep();
      expect(numbersOf(await store.read()).open).toEqual([1, 2, 3, 4]);
      await closed(both);
    });

    it("stays unchanged when a run fails", async () => {
      const both = await opened({ count: row(1, 2), weight: row(3, 3) }, COUNTING);
      const { store, program } = both;
      await expect(program.run({})).rejects.toThrow(/input "by" is missing/);
      store.keep();
      expect(numbersOf(await store.read()).count).toEqual([1, 2]);
      expect(() => store.write({ count: row(7, 7), height: row(1, 1) })).toThrow(/no "height" in the store/);
      expect(numbersOf(await store.read()).count).toEqual([1, 2]);
      await closed(both);
    });
  });
}

// --- internal ---

interface Opened {
  readonly store: Store;
  readonly program: Program;
}

/** Adds the weight to the count; also returns the sum of the previous count and the feed. */
const COUNTING = ((): Graph => {
  const count = input("count", [2]);
  return createGraph({ "next.count": add(count, input("weight", [2])), sum: add(count, input("by", [2])) });
})();

function row(...values: number[]): FloatTensor {
  return floatTensor([values.length], Float32Array.from(values));
}

function whole(...values: number[]): HostTensor {
  return intTensor([values.length], Int32Array.from(values));
}

function numbersOf(tensors: Flat<HostTensor>): Record<string, number[]> {
  return Object.fromEntries(Object.entries(tensors).map(([name, { data }]) => [name, [...data]]));
}
