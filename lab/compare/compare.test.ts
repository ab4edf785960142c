import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { comparisonSchema, type Comparison } from "./results.ts";
import { SYSTEMS } from "./systems.ts";
import { readJson } from "../../src/platform/node/files.ts";
import { callLab, type Ran } from "../../src/cli/fixtures.ts";

let folder: string;
const at = (name: string): string => join(folder, name);
const smoke = (...flags: string[]): Promise<Ran> =>
  callLab("compare", "books", "--smoke", "--seeds", "1", "--out", at("out"), "--runs", at("runs"), ...flags);
const comparison = async (): Promise<Comparison> =>
  comparisonSchema.parse(await readJson(at("out/compare-books.json")));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "compare-test-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("compare", () => {
  it("trains and measures the requested systems, and says which are missing", async () => {
    const { stdout, stderr, code } = await smoke("--only", "local,infini-delta");
    expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
    expect(stdout).toMatch(
      /\[1\/7\] local: try, learning rate 0\.003: done, \d\.\d{3} bits per byte; about \d+ s left in all\n/,
    );
    expect(stdout).toMatch(/\[7\/7\] infini-delta: seed 0, sequences of 32, learning rate 0\.0\d+: done, \d/);
    const { systems, missing, lengths } = await comparison();
    expect(systems.map(({ name, runs }) => [name, runs.length])).toEqual([
      ["local", 1],
      ["infini-delta", 1],
    ]);
    expect(missing).toEqual(
      SYSTEMS.map(({ name }) => name).filter((name) => name !== "local" && name !== "infini-delta"),
    );
    expect(lengths.map(({ length }) => length)).toEqual([32, 64]);
    for (const { bitsPerByte, perplexity, learningRate, trials } of systems) {
      expect(bitsPerByte.mean).toBeLessThan(8); // less than chance: something was learned
      expect(perplexity.mean).toBeCloseTo(2 ** bitsPerByte.mean, 6);
      const best = trials.toSorted((a, b) => (a.bitsPerByte ?? 9) - (b.bitsPerByte ?? 9))[0];
      expect(learningRate).toBe(best?.learningRate);
    }
  }, 30_000);

  it("repeats nothing, and adds what another process has finished", async () => {
    const before = await modified();
    const { stdout } = await smoke("--only", "local");
    expect(stdout.match(/exists already/g)).toHaveLength(3);
    expect(await modified()).toEqual(before);
    expect((await comparison()).systems).toHaveLength(2);
  });

  it("writes a self-contained page from the existing runs", async () => {
    const page = await readFile(at("out/compare-books.html"), "utf8");
    expect(page).toContain("<th>Books: perplexity</th>");
    expect(page.match(/<svg /g)).toHaveLength(5); // position, lengths, memory, loss, and the gates of one system
    for (const label of ["Local attention", "Infini (Linear + Delta)"]) expect(page).toContain(`<td>${label}</td>`);
    expect(page).not.toMatch(/<script|<link|src=|https?:\/\/(?!www\.w3\.org)/);
    const { stdout, code } = await smoke("--report-only");
    expect(code).toBe(0);
    expect(stdout).toMatch(/│ Local attention +│ none +│ none +│ 16/);
    const again = await readFile(at("out/compare-books.html"), "utf8");
    expect(withoutCharts(again)).toBe(withoutCharts(page));
  });

  it("lists systems without any text", async () => {
    const { stdout } = await callLab("compare", "maths", "--list", "--json", "-");
    const rows = JSON.parse(stdout) as { name: string; deviation: number }[];
    expect(rows.map(({ name }) => name)).toEqual(SYSTEMS.map(({ name }) => name));
    for (const { deviation } of rows) expect(Math.abs(deviation)).toBeLessThan(0.01);
  });

  it("reads the folders of a dataset, and says how to make one", async () => {
    const missing = await callLab("compare", "books", "--data", at("data"));
    expect(missing).toMatchObject({ code: 1, stdout: "" });
    expect(missing.stderr).toContain(
      `error: --data: there is no folder ${at("data/train")}; \`npm run lab -- data books`,
    );
    for (const split of ["train", "validation", "test"]) {
      await mkdir(at(`data/${split}`), { recursive: true });
      await writeFile(at(`data/${split}/a.txt`), `${split} `.repeat(300));
    }
    const flags = ["--out", at("empty"), "--runs", at("none"), "--report-only", "--json", at("all.json")];
    const ran = await callLab("compare", "books", "--data", at("data"), ...flags);
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    expect(ran.stdout).toContain("Nothing has been measured yet, so nothing was written");
    expect(await readdir(folder)).not.toContain("empty");
    expect(await readJson(at("all.json"))).toMatchObject({
      systems: [],
      texts: { train: { documents: 1, bytes: 1800 }, test: { documents: 1, bytes: 1500 } },
    });
  });

  it.each([
    [["xyz"], 'error: "xyz" is not a suite; there are books, maths'],
    [["boks"], 'error: "boks" is not a suite (did you mean "books"?)'],
    [["books", "--only", "infini-lineer"], '--only: "infini-lineer" is not a system (did you mean "infini-linear"?)'],
    [["books", "--tokens", "10"], "--tokens: a learning rate is tried on a share of 1"],
    [["books", "--tokens", "1m,2m"], "--tokens: expected one number"],
    [["books", "--seeds", "0"], "Expected a whole number of at least 1"],
  ])("refuses %j", async (args, problem) => {
    const { stderr, code } = await callLab("compare", ...args);
    expect(stderr).toContain(problem);
    expect(code).toBe(1);
  });
});

// --- internal ---

function withoutCharts(page: string): string {
  return page.replace(/<svg .*?<\/svg>/gs, "");
}

/** When each run was written. */
async function modified(): Promise<number[]> {
  const names = (await readdir(at("runs"))).toSorted();
  return Promise.all(names.map(async (name) => (await stat(join(at("runs"), name, "result.json"))).mtimeMs));
}
