import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { suite, systemOf } from "./fixtures.ts";
import type { PlannedRun } from "./plan.ts";
import { createNodeEngine } from "../../src/engine/ort/ort-node.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { writeAtomically } from "../../src/platform/node/files.ts";
import { InterruptedError } from "../../src/cli/terminal/interrupt.ts";
import { findRun, performRun, workOf, type RunContext } from "./perform-run.ts";
import { makeSmokeTexts } from "./texts.ts";

const texts = makeSmokeTexts(suite);
const run: PlannedRun = {
  system: systemOf("infini-linear"),
  seed: 0,
  learningRate: 0.01,
  tokens: suite.tokens,
  length: suite.length,
  measure: "test",
};
let engine: Engine;
let folder: string;

beforeAll(async () => {
  engine = await createNodeEngine({ threads: 1 });
  folder = await mkdtemp(join(tmpdir(), "perform-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("performRun", () => {
  it("trains, measures and saves a result that is found again", async () => {
    const done: number[] = [];
    const context = inFolder("whole", { onProgress: (tokens) => done.push(tokens) });
    expect(await findRun(run, context)).toBeUndefined();
    const result = await performRun(run, context);
    if ("diverged" in result) throw new Error(result.diverged);
    expect(result).toMatchObject({
      system: "infini-linear",
      training: { steps: 8, tokens: 1024 },
      validation: { tokens: 2 * 255 },
      test: { tokens: 2 * 1023, byPosition: [{ from: 0, to: 64 }, { from: 64, to: 256 }, { from: 256 }] },
    });
    expect(result.training.loss).toHaveLength(8);
    expect(result.gates).toHaveLength(2);
    expect(done).toEqual(done.toSorted((a, b) => a - b));
    expect(done.at(-1)).toBeCloseTo(workOf(run, texts), 6);
    expect(await findRun(run, context)).toEqual(result);
    expect(await findRun({ ...run, measure: "validation" }, context)).toEqual(result); // measured too
    expect(await findRun({ ...run, tokens: 2 * run.tokens }, context)).toBeUndefined();
  });

  it("continues where it was stopped, in training and while measuring, to the same numbers", async () => {
    for (const stopAt of [0.4, 0.7]) {
      const stop = new AbortController();
      const work = workOf(run, texts);
      const onProgress = (tokens: number): void => {
        if (tokens / work > stopAt) stop.abort();
      };
      const place = `stopped at ${stopAt}`;
      await expect(performRun(run, inFolder(place, { signal: stop.signal, onProgress }))).rejects.toThrow(
        InterruptedError,
      );
      expect(await findRun(run, inFolder(place))).toBeUndefined();
      const [resumed, whole] = [await performRun(run, inFolder(place)), await findRun(run, inFolder("whole"))];
      if (!whole || "diverged" in whole || "diverged" in resumed) throw new Error("nothing was measured");
      expect({ ...resumed.test, tokensPerSecond: 0 }).toEqual({ ...whole.test, tokensPerSecond: 0 });
      expect(resumed.training.loss).toEqual(whole.training.loss);
    }
  });

  it("measures again, without training again, when other documents are read", async () => {
    const other = { ...inFolder("whole"), suite: { ...suite, testBytes: 512 } };
    const shorter = {
      ...other,
      texts: { ...texts, test: texts.test.map((text) => ({ ...text, tokens: text.tokens.subarray(0, 512) })) },
    };
    expect(await findRun(run, shorter)).toBeUndefined();
    const [name = ""] = await readdir(join(folder, "whole"));
    const checkpoint = join(folder, "whole", name, "metrics.jsonl");
    const before = (await readFile(checkpoint, "utf8")).length;
    const result = await performRun(run, shorter);
    expect(result).toMatchObject({ test: { tokens: 2 * 511 } });
    expect((await readFile(checkpoint, "utf8")).length).toBe(before);
    expect(await readdir(join(folder, "whole"))).toEqual([name]);
  });

  it("records why a run diverged, and does not try again", async () => {
    const wild = { ...run, learningRate: 1e30 };
    const context = inFolder("wild");
    expect(await performRun(wild, context)).toMatchObject({ diverged: expect.stringMatching(/^step \d: the loss is/) });
    const [name = ""] = await readdir(join(folder, "wild"));
    const written = (await stat(join(folder, "wild", name, "result.json"))).mtimeMs;
    expect(await findRun(wild, context)).toHaveProperty("diverged");
    expect((await stat(join(folder, "wild", name, "result.json"))).mtimeMs).toBe(written);
  });

  it("names a result that is broken", async () => {
    const context = inFolder("wild");
    const [name = ""] = await readdir(join(folder, "wild"));
    await writeAtomically(join(folder, "wild", name, "result.json"), "{}");
    await expect(findRun({ ...run, learningRate: 1e30 }, context)).rejects.toThrow(/result\.json: /);
  });
});

// --- internal ---

function inFolder(name: string, changes: Partial<RunContext> = {}): RunContext {
  return {
    suite,
    texts,
    runs: join(folder, name),
    engine,
    signal: new AbortController().signal,
    onProgress: () => {},
    ...changes,
  };
}
