import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadModelFolder } from "../platform/node/model-folder.ts";
import { openTensorFile } from "../platform/node/tensor-files.ts";
import { createNodeEngine } from "../engine/ort/ort-node.ts";
import { flatten } from "../tensor/tree.ts";
import type { FloatTensor } from "../tensor/host-tensor.ts";
import { callCommand, TEXT, tinyRun, writeRecipe, type Ran } from "./fixtures.ts";
import { isStep, isValidation, parseMetrics, type MetricsLine } from "./runs/metrics.ts";
import { validate } from "./runs/validation.ts";

let folder: string;
const at = (...names: string[]): string => join(folder, ...names);
const train = (out: string, ...more: string[]): Promise<Ran> =>
  callCommand("train", at("recipe.json"), "--data", at("text.txt"), "--out", at(out), ...more);

const STEPS = 6;
const HELD_OUT = "It is a way I have of driving off the spleen, and regulating the circulation.\n";
const held = { name: "held-out.txt", tokens: Int32Array.from(Buffer.from(HELD_OUT)), bytes: HELD_OUT.length };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "train-on-"));
  await writeRecipe(folder);
  await writeRecipeWith({ checkpointEvery: 2, steps: STEPS });
  await writeFile(at("held-out.txt"), HELD_OUT);
  await writeFile(at("more.txt"), `${TEXT}${HELD_OUT}`);
  expect((await train("whole")).code).toBe(0);
});

afterAll(() => rm(folder, { recursive: true }));

describe("a run that is resumed", () => {
  it("continues with more steps, another rate and more text, and reports each in a line", async () => {
    await cp(at("whole"), at("longer"), { recursive: true });
    const changed = ["--steps", "8", "--learning-rate", "0.002", "--data", at("text.txt"), at("more.txt"), "--resume"];
    const { code, stderr } = await callCommand("train", at("recipe.json"), "--out", at("longer"), ...changed);
    expect(code).toBe(0);
    expect(stderr.split("\n").filter((line) => line.startsWith("changed: "))).toEqual([
      "changed: training.steps was 6, is 8",
      "changed: training.learningRate was 0.01, is 0.002",
      "changed: the training text is not the one that the checkpoint was trained on",
    ]);
    const lines = await linesOf("longer");
    expect(lines.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(lines.findLast(isStep)?.learningRate).toBeCloseTo(0.0002, 8);
    expect(JSON.parse(await readFile(at("longer", "training.json"), "utf8"))).toMatchObject({ steps: 8 });
  });

  it("reports nothing if nothing has changed, and is not stopped by a damaged line of its metrics", async () => {
    await cp(at("whole"), at("damaged"), { recursive: true });
    const metrics = at("damaged", "metrics.jsonl");
    await writeFile(metrics, `\0\0\0\n{"step": 1, "loss"\n{}}\n${await readFile(metrics, "utf8")}`);
    await appendFile(metrics, '{"step": 9, "loss": 1}\n{"step"');
    const { code, stderr } = await train("damaged", "--resume");
    expect([code, stderr.includes("changed")]).toEqual([0, false]);
    expect(await readFile(metrics, "utf8")).toBe(await readFile(at("whole", "metrics.jsonl"), "utf8"));
  });

  it("is refused with another model, naming the key", async () => {
    await writeFile(at("other.json"), JSON.stringify({ ...tinyRun, model: { ...tinyRun.model, numLayers: 3 } }));
    const { code, stderr } = await callCommand(
      "train",
      at("other.json"),
      "--data",
      at("text.txt"),
      "--out",
      at("whole"),
      "--resume",
    );
    expect(code).toBe(1);
    expect(stderr).toContain("checkpoint.safetensors: model.numLayers was 2, is 3: that is another run\n");
  });
});

describe("a run that starts from a model", () => {
  it("starts with its weights", async () => {
    expect((await train("tuned", "--from", at("whole"), "--steps", "1", "--learning-rate", "1e-30")).code).toBe(0);
    expect(await weightsIn("tuned")).toEqual(await weightsIn("whole"));
  });

  it("is refused one with another structure or tokenizer, naming it", async () => {
    await writeFile(at("other.json"), JSON.stringify({ ...tinyRun, model: { ...tinyRun.model, headDim: 4 } }));
    const refused = await callCommand(
      "train",
      at("other.json"),
      "--data",
      at("text.txt"),
      "--out",
      at("new"),
      "--from",
      at("whole"),
    );
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.stderr).toContain("the model to start from does not fit: model.headDim was 8, is 4\n");
  });
});

describe("validation", () => {
  beforeAll(async () => {
    expect((await train("validated", "--validate", at("held-out.txt"))).code).toBe(0);
  });

  it("is logged, and changes no bit of the run", async () => {
    const lines = await linesOf("validated");
    const without = (line: MetricsLine): object => ({ ...line, tokensPerSecond: 0 });
    expect(lines.filter(isStep).map(without)).toEqual((await linesOf("whole")).map(without));
    expect(lines.filter(isValidation).map(({ step }) => step)).toEqual([2, 4, 6]);
    for (const name of ["checkpoint.safetensors", "model.safetensors"])
      expect(await readFile(at("validated", name))).toEqual(await readFile(at("whole", name)));
  });

  it("gives the bits per byte of the held-out text", async () => {
    const last = (await linesOf("validated")).findLast(isValidation);
    const engine = await createNodeEngine();
    const found = await validate(await loadModelFolder(at("validated")), engine, [held]);
    expect(last?.bitsPerByte).toBeCloseTo(found, 6);
    expect(found).toBeLessThan(8.5);
    const result = await callCommand(
      "eval",
      at("validated"),
      "--task",
      "perplexity",
      "--data",
      at("held-out.txt"),
      "--json",
      "-",
    );
    expect(JSON.parse(result.stdout)).toMatchObject({ bitsPerByte: found });
  });

  it("keeps the best weights, with their step and value, and never worse ones", async () => {
    const lines = (await linesOf("validated")).filter(isValidation);
    const best = lines.toSorted((a, b) => a.bitsPerByte - b.bitsPerByte)[0];
    const { metadata } = await openTensorFile(at("validated", "best", "model.safetensors"));
    expect(metadata).toMatchObject({ step: String(best?.step), bitsPerByte: String(best?.bitsPerByte) });
    await loadModelFolder(at("validated", "best"));

    const before = await readFile(at("validated", "best", "model.safetensors"));
    await cp(at("validated"), at("worse"), { recursive: true });
    const ruin = ["--steps", "8", "--learning-rate", "30", "--validate", at("held-out.txt"), "--resume"];
    const { code } = await train("worse", ...ruin);
    const after = (await linesOf("worse")).filter(isValidation);
    if (code === 0) expect(after.at(-1)?.bitsPerByte).toBeGreaterThan(best?.bitsPerByte ?? Infinity);
    expect(await readFile(at("worse", "best", "model.safetensors"))).toEqual(before);
  });

  it("continues after a resume as if it had never stopped", async () => {
    expect(
      (await train("halves", "--validate", at("held-out.txt"), "--validate-every", "3", "--steps", "3")).code,
    ).toBe(0);
    await writeRecipeWith({ checkpointEvery: 2, steps: STEPS });
    expect((await train("halves", "--validate", at("held-out.txt"), "--validate-every", "3", "--resume")).code).toBe(0);
    expect((await linesOf("halves")).filter(isValidation).map(({ step }) => step)).toEqual([3, 6]);
  });

  it("is drawn in a self-contained page", async () => {
    const page = await readFile(at("validated", "report.html"), "utf8");
    expect(page.match(/<svg/g)).toHaveLength(2);
    expect(page).toMatch(
      /6 steps; loss of the last \d\.\d{3} nats\. Best validation: \d\.\d{4} bits per byte after step \d/,
    );
    expect(page).not.toMatch(/<script|<link|src=/);
  });

  it.each([
    ["missing text", ["--validate", "nowhere.txt"], "nowhere.txt"],
    ["no steps between", ["--validate", "x", "--validate-every", "0"], "Expected a whole number of at least 1."],
  ])("is refused with %s", async (_, flags, problem) => {
    const { code, stderr } = await train("refused", ...flags);
    expect(code).not.toBe(0);
    expect(stderr).toContain(problem);
  });
});

it("a run that diverges keeps its last checkpoint and its best weights", async () => {
  await cp(at("whole"), at("diverged"), { recursive: true });
  const flags = [
    "--steps",
    "200",
    "--learning-rate",
    "1e30",
    "--validate",
    at("held-out.txt"),
    "--validate-every",
    "500",
  ];
  const before = await readFile(at("diverged", "model.safetensors"));
  await writeRecipeWith({ checkpointEvery: 500 });
  const { code, stderr } = await train("diverged", ...flags, "--resume");
  expect(code).toBe(1);
  expect(stderr).toMatch(/the loss is .*; the checkpoint holds step 6\n/);
  expect(await readFile(at("diverged", "model.safetensors"))).toEqual(before);
});

// --- internal ---

function writeRecipeWith(training: object): Promise<void> {
  const recipe = { ...tinyRun, training: { ...tinyRun.training, ...training } };
  return writeFile(at("recipe.json"), JSON.stringify(recipe));
}

async function linesOf(out: string): Promise<MetricsLine[]> {
  return parseMetrics(await readFile(at(out, "metrics.jsonl"), "utf8"));
}

async function weightsIn(out: string): Promise<Record<string, FloatTensor>> {
  return flatten<FloatTensor>((await loadModelFolder(at(out))).params);
}
