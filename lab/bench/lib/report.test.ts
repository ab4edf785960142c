import { describe, expect, it } from "vitest";
import { renderContest, renderPerformance } from "./report.ts";
import type { BenchResults, ContestResult } from "./results.ts";
import { checkAgreement, disagreement, ratioTo, shareOfGemm, summarize } from "./statistics.ts";

/** Made up: ours twice as fast in two rounds of three, and half as fast in the other. */
const contest: ContestResult = {
  title: "A race",
  quantities: {
    speed: { label: "speed", unit: "tokens/s", better: "higher" },
    memory: { label: "memory", unit: "B", better: "lower" },
  },
  flopsPerToken: 1e6,
  gemmRates: [1e11, 2e11, 1e11],
  rows: [
    { name: "ours", computed: [1, 2], readings: { speed: [20_000, 40_000, 10_000], memory: [3e6, 3e6, 3e6] } },
    { name: "theirs", computed: [1, 2.00001], readings: { speed: [10_000, 20_000, 20_000], memory: [6e6, 6e6, 6e6] } },
    { name: "no memory", readings: { speed: [20_000, 40_000, 10_000] } },
  ],
};

const results: BenchResults = {
  decode: {
    about: "One token after the other.",
    date: "2026-01-02",
    commit: "abc1234",
    quick: false,
    rounds: 3,
    machine: { hardware: { cpu: "A processor", cores: 2, memoryBytes: 8e9 }, versions: { node: "20.20.2" } },
    contests: [contest],
  },
};

const [ours, theirs, other] = contest.rows as [
  ContestResult["rows"][0],
  ContestResult["rows"][0],
  ContestResult["rows"][0],
];

describe("statistics", () => {
  it("has the median, the lowest and the highest", () => {
    expect(summarize([3, 1, 2])).toEqual({ median: 2, lowest: 1, highest: 3 });
    expect(summarize([4, 1])).toEqual({ median: 2.5, lowest: 1, highest: 4 });
    expect(() => summarize([])).toThrow(RangeError);
  });

  it("takes ratios in each round, so that a machine that slows down changes nothing", () => {
    expect(ratioTo(contest, theirs, "speed")).toBe(2);
    expect(ratioTo(contest, ours, "speed")).toBe(1);
  });

  it("says how many times better, also where less is better", () => {
    expect(ratioTo(contest, theirs, "memory")).toBe(2);
    expect(ratioTo(contest, other, "memory")).toBeUndefined();
  });

  it("compares speed with a large product of the same round", () => {
    expect(shareOfGemm(contest, ours)).toBe(0.2);
  });

  it("warns of rows that have computed something else", () => {
    expect(disagreement(contest, theirs)).toBeCloseTo(1e-5, 8);
    expect(checkAgreement(contest)).toEqual([]);
    const wrong = { ...contest, rows: [ours, { ...theirs, computed: [1, 3] }] };
    expect(checkAgreement(wrong)).toEqual([expect.stringMatching(/^A race: theirs differs from ours by 1\.0/)]);
    expect(checkAgreement({ ...contest, rows: [ours, { ...theirs, computed: [1] }] }).length).toBe(1);
    expect(checkAgreement({ ...contest, rows: [ours, { ...theirs, computed: [1, Number.NaN] }] }).length).toBe(1);
  });
});

describe("the report", () => {
  it("has a table with medians, spread, ratios, shares and differences", () => {
    expect(renderContest(contest)).toMatchInlineSnapshot(`
      "|  | speed, tokens/s | ratio | memory, MB | ratio | GEMM | differs by |
      | --- | ---: | ---: | ---: | ---: | ---: | ---: |
      | ours | 20,000 (10,000 – 40,000) | 1.00 | 3 (3 – 3) | 1.00 | 20 % | – |
      | theirs | 20,000 (10,000 – 20,000) | 2.00 | 6 (6 – 6) | 2.00 | 10 % | 1e-5 |
      | no memory | 20,000 (10,000 – 40,000) | 1.00 | – | – | 20 % | – |"
    `);
  });

  it("names the machine, the date, the commit and the GEMM rate", () => {
    const text = renderPerformance(results);
    expect(text).toContain("## Decode\n\nOne token after the other.");
    expect(text).toContain("2026-01-02, commit abc1234, 3 rounds. A processor, 2 cores, 8.0 GB; node 20.20.2.");
    expect(text).toContain("GEMM rate: 100 (100 – 200) GFLOP/s.");
    expect(text).not.toContain("mean nothing");
  });

  it("warns of quick runs", () => {
    const [run] = Object.values(results);
    expect(renderPerformance({ decode: { ...(run as BenchResults[string]), quick: true } })).toContain("mean nothing");
  });
});
