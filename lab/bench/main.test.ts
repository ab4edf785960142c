import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readResults } from "./lib/results.ts";

const run = promisify(execFile);
let folder = "";
const bench = (...options: string[]): Promise<{ stdout: string; stderr: string }> =>
  run(process.execPath, ["--import", "tsx", "lab/bench/main.ts", ...options]);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "infini-bench-test-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("npm run bench", () => {
  it("runs every benchmark at a tiny size, without PyTorch, and writes the report from the results", async () => {
    const [json, docs] = [join(folder, "results.json"), join(folder, "performance.md")];
    const none = join(folder, "no-python");
    const { stderr } = await bench("--quick", "--rounds", "1", "--python", none, "--json", json);
    expect(stderr).toContain("no PyTorch (eager)");
    expect(stderr).not.toContain("it is not the same work");
    const results = await readResults(json);
    expect(Object.keys(results)).toEqual([
      "training",
      "prefill",
      "scoring",
      "decode",
      "layer",
      "startup",
      "long",
      "rematerialized",
      "browser",
    ]);
    for (const { contests, quick } of Object.values(results)) {
      expect(quick).toBe(true);
      for (const { rows, gemmRates, quantities } of contests) {
        expect(gemmRates.length).toBe(1);
        const values = rows.flatMap(({ readings }) => Object.values(readings).flat());
        expect(values.every((value) => value > 0)).toBe(true);
        expect(Object.keys(rows[0]?.readings ?? {})).toEqual(Object.keys(quantities));
      }
    }
    await bench("--report", "--results", json, "--docs", docs);
    expect(await readFile(docs, "utf8")).toContain("## Rematerialized");
  }, 120_000);

  it("runs the house at a tiny size, and shows other readings next to it", async () => {
    const json = join(folder, "house.json");
    const house = (...options: string[]): Promise<{ stdout: string }> =>
      run(process.execPath, ["--import", "tsx", "lab/bench/house.ts", "--quick", ...options]);
    await house("--json", json);
    const readings = JSON.parse(await readFile(json, "utf8")) as Record<string, number>;
    expect(Object.keys(readings).length).toBe(22);
    expect(Object.values(readings).every(Number.isFinite)).toBe(true);
    const { stdout } = await house("--only", "source", "--beside", json);
    expect(stdout).toMatch(new RegExp(`lines +│ ${readings["lines"]?.toLocaleString("en-US")} +│ [\\d,]+ `));
  }, 120_000);

  it("refuses unknown names, and files that are not results", async () => {
    await expect(bench("--only", "decod")).rejects.toThrow(
      /error: option '--only <names>' .*There is no benchmark "decod" .*"decode"/,
    );
    const file = join(folder, "wrong.json");
    await writeFile(file, '{ "decode": { "rounds": 0 } }');
    await expect(bench("--report", "--results", file)).rejects.toThrow(/error: .*wrong\.json: decode/);
  }, 20_000);
});
