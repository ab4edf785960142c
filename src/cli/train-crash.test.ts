import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadModelFolder } from "../platform/node/model-folder.ts";
import { flatten } from "../tensor/tree.ts";
import type { FloatTensor } from "../tensor/host-tensor.ts";
import { createRng } from "../base/random.ts";
import { parseRunConfig, type RunConfigInput } from "../train/config.ts";
import type { StepMetrics } from "../train/loop.ts";
import { decodeRunState } from "../train/run-state.ts";
import { startOfRun } from "../train/run.ts";

const STEPS = 80;
const recipe: RunConfigInput = {
  model: { modelDim: 16, numLayers: 1, numHeads: 2, headDim: 8, feedForwardDim: 16, segmentLength: 8 },
  training: {
    steps: STEPS,
    batch: 2,
    length: 32,
    curriculum: [{ until: 30, batch: 4, length: 16, mixture: [{ task: "text", share: 1 }] }],
    mixture: [{ task: "documents", share: 1 }],
    warmupSteps: 5,
    learningRate: 0.01,
    checkpointEvery: 1,
  },
};
const config = parseRunConfig(recipe);

let folder: string;
const at = (...names: string[]): string => join(folder, ...names);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "crash-"));
  await writeFile(
    at("text.txt"),
    "It is a way I have of driving off the spleen, and regulating the circulation.\n".repeat(20),
  );
  await writeFile(at("recipe.json"), JSON.stringify(recipe));
  await writeFile(
    at("rare.json"),
    JSON.stringify({ ...recipe, training: { ...recipe.training, checkpointEvery: 1000 } }),
  );
  const whole = start("recipe.json", "whole");
  expect(await whole.ended).toMatchObject({ code: 0, stderr: expect.stringContaining(`${STEPS} steps`) });
}, 30_000);

afterAll(() => rm(folder, { recursive: true }));

describe("a training run", () => {
  it("that is killed again and again ends bit for bit like one that was not", { timeout: 40_000 }, async () => {
    const rng = createRng(3);
    let reached = 0;
    for (const [kill, stepsBefore] of [0, 3, 20, 8, 6].entries()) {
      const process = start("recipe.json", "killed", kill > 0);
      // The first is killed as soon as there is anything to resume from.
      await until(process, async () => (await positionOf("killed", false)) !== undefined);
      await until(process, async () => ((await metricsOf("killed")).at(-1)?.step ?? 0) >= reached + stepsBefore);
      await sleep(rng.uniform() * 15);
      process.kill("SIGKILL");
      expect(await process.ended).toMatchObject({ signal: "SIGKILL" });
      const step = await positionOf("killed");
      expect(step).toBeGreaterThanOrEqual(reached);
      reached = step ?? 0;
      if (kill > 0) await loadModelFolder(at("killed"));
    }
    expect(reached).toBeGreaterThan(30);
    expect(reached).toBeLessThan(STEPS);
    expect(await start("recipe.json", "killed", true).ended).toMatchObject({
      code: 0,
      stdout: `Done: ${at("killed")} holds the model.\n`,
    });
    await expectSameAsWhole("killed");
  });

  it("that is interrupted saves its step, says how to resume, and resumes", { timeout: 20_000 }, async () => {
    const process = start("rare.json", "stopped");
    await until(process, async () => (await metricsOf("stopped")).length > 0);
    process.kill("SIGINT");
    const { code, stdout, stderr } = await process.ended;
    expect(code).toBe(0);
    expect(stderr).toContain("Stopping after this step");
    const step = (await positionOf("stopped")) ?? 0;
    expect(step).toBeGreaterThan(0);
    expect(step).toBeLessThan(STEPS);
    expect(stdout).toBe(`Stopped at step ${step}; continue with --resume.\n`);
    expect((await metricsOf("stopped")).at(-1)?.step).toBe(step);
    await loadModelFolder(at("stopped"));

    expect(await start("rare.json", "stopped", true).ended).toMatchObject({ code: 0 });
    await expectSameAsWhole("stopped");
  });
});

// --- internal ---

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Running {
  readonly ended: Promise<Ended>;
  hasEnded(): boolean;
  kill(signal: NodeJS.Signals): void;
}

/** Starts `train` in a separate process. */
function start(name: string, out: string, resume = false): Running {
  const args = ["train", at(name), "--data", at("text.txt"), "--out", at(out), ...(resume ? ["--resume"] : [])];
  const child = spawn(process.execPath, ["--import", "tsx", join("src", "cli", "main.ts"), ...args], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr, over] = ["", "", false];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      over = true;
      resolve({ code, signal, stdout, stderr });
    });
  });
  return { ended, hasEnded: () => over, kill: (signal) => void child.kill(signal) };
}

/** Waits for something to hold, while the process runs. */
async function until(process: Running, holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) {
    if (process.hasEnded()) throw new Error(`the run ended too early: ${(await process.ended).stderr}`);
    await sleep(3);
  }
}

/** The step of the checkpoint, which must be complete; nothing when none is allowed yet and there is none. */
async function positionOf(out: string, needed = true): Promise<number | undefined> {
  const file = at(out, "checkpoint.safetensors");
  const bytes = needed ? await readFile(file) : await readFile(file).catch(() => undefined);
  return bytes && decodeRunState(bytes, startOfRun(config).state, config, file).step;
}

/** The log, without a line that is cut off. */
async function metricsOf(out: string): Promise<StepMetrics[]> {
  const text = await readFile(at(out, "metrics.jsonl"), "utf8").catch(() => "");
  const lines = text.split("\n").filter((line) => line.endsWith("}"));
  return lines.map((line) => JSON.parse(line) as StepMetrics);
}

async function expectSameAsWhole(out: string): Promise<void> {
  for (const file of ["checkpoint.safetensors", "model.safetensors", "config.json"]) {
    expect((await readFile(at(out, file))).equals(await readFile(at("whole", file))), file).toBe(true);
  }
  const losses = (metrics: readonly StepMetrics[]): [number, number][] => metrics.map(({ step, loss }) => [step, loss]);
  const whole = losses(await metricsOf("whole"));
  expect(whole.map(([step]) => step)).toEqual(Array.from({ length: STEPS }, (_, i) => i + 1));
  expect(losses(await metricsOf(out))).toEqual(whole);
  const { params } = await loadModelFolder(at(out));
  const fresh = startOfRun(config).state;
  const trained = Object.entries(flatten<FloatTensor>(params, "params"));
  expect(trained.every(([name, { data }]) => data.some((value, i) => value !== fresh[name]?.data[i]))).toBe(true);
}
