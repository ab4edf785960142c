import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { callCommand, TEXT, writeRecipe } from "./fixtures.ts";
import type { DemoResult } from "./terminal/report.ts";

const BOOK_LENGTH = 150_000;

let folder = "";
let result: DemoResult;
let page = "";
let printed = "";
const at = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "demo-"));
  await writeRecipe(folder);
  await writeFile(at("book.txt"), TEXT.repeat(100).slice(0, BOOK_LENGTH));
  await callCommand("train", at("recipe.json"), "--data", at("text.txt"), "--out", at("model"));
  const files = [
    "--model",
    at("model"),
    "--book",
    at("book.txt"),
    "--report",
    at("report.html"),
    "--json",
    at("r.json"),
  ];
  ({ stdout: printed } = await callCommand("demo", ...files));
  result = JSON.parse(await readFile(at("r.json"), "utf8")) as DemoResult;
  page = await readFile(at("report.html"), "utf8");
}, 60_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

describe("infini demo", () => {
  it("asks for every key along the way, where the book is long enough, and at the end", () => {
    const asked = (from: number): number[] =>
      result.answers.filter(({ position }) => Math.abs(position - from) < 200).map(({ distance }) => distance);
    const [start, middle, end] = [0.01, 0.5]
      .map((depth) => asked(depth * BOOK_LENGTH))
      .concat([asked(BOOK_LENGTH - 40_000)]);
    expect(start?.slice(0, 3)).toEqual([4096, 32_768, 131_072]);
    expect(middle?.slice(0, 2)).toEqual([4096, 32_768]);
    expect(end?.[0]).toBe(4096);
    for (const distances of [start, middle, end]) expect(distances).toEqual(distances?.toSorted((a, b) => a - b));
  });

  it("calls an answer right only when it is the key", () => {
    for (const { key, answer, right } of result.answers) expect(right).toBe(answer === key);
  });

  it("reports an untrained model's failure honestly", () => {
    expect(result.answers.some(({ right }) => right)).toBe(false);
    expect(printed).toContain("holds            every key up to 0 tokens; the first wrong answer came after 4,096");
  });

  it("measures what a reader keeps", () => {
    expect(result.bookTokens).toBe(BOOK_LENGTH);
    expect(result.keyValueCacheBytesPerLane).toBe(2 * 2 * 8 * BOOK_LENGTH * 4);
    expect(result.stateBytesPerLane).toBeLessThan(20_000);
    expect(result.samples.at(-1)?.tokens).toBeGreaterThan(BOOK_LENGTH);
  });

  it("writes a self-contained page: every answer and two charts", () => {
    expect(page.match(/<svg/g)).toHaveLength(2);
    expect(page.match(/<tr><td>/g)).toHaveLength(result.answers.length);
    expect(page).not.toMatch(/(src|href)="http/);
  });
});
