import { describe, expect, it } from "vitest";
import { pairUp, runAgainst } from "./against.ts";
import type { BenchResults } from "./results.ts";

describe("two versions taking turns", () => {
  it("are two rows of a contest for each thing that both measure, with a reading from every turn", () => {
    const contests = pairUp([turn(10), turn(12)], [turn(5), turn(6, "only theirs")], "/other");
    expect(contests.map(({ title }) => title)).toEqual(["reading, ours"]);
    expect(contests[0]?.rows).toEqual([
      { name: "this version", computed: [1], readings: { speed: [10, 12] } },
      { name: "/other", computed: [1], readings: { speed: [5, 6] } },
    ]);
    expect(contests[0]?.gemmRates).toEqual([1e9, 1e9]);
  });

  it("need a checkout with benchmarks", async () => {
    const options = { names: ["decode"], rounds: 1, quick: true, folder: "/" };
    await expect(runAgainst("/none", options)).rejects.toThrow("/none: has no lab/bench/main.ts or bench/main.ts");
  });
});

// --- internal ---

/** The results of one round; `more` names a second row. */
function turn(speed: number, more?: string): BenchResults {
  const quantities = { speed: { label: "speed", unit: "tokens/s", better: "higher" } } as const;
  const rows = ["ours", ...(more === undefined ? [] : [more])].map((name) => ({
    name,
    computed: [1],
    readings: { speed: [speed] },
  }));
  const machine = { hardware: { cpu: "a", cores: 2, memoryBytes: 1 }, versions: {} };
  const contests = [{ title: "reading", quantities, gemmRates: [1e9], rows }];
  return {
    prefill: { about: "", date: "2026-11-28", commit: "a", quick: true, rounds: 1, machine, contests },
  };
}
