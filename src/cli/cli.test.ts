import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { encodeText } from "../text/bytes.ts";
import { loadModelFolder } from "../platform/node/model-folder.ts";
import { createNodeEngine } from "../engine/ort/ort-node.ts";
import { createSession, type Session } from "../runtime/session.ts";
import { sizeOf, type FloatTensor } from "../tensor/host-tensor.ts";
import { flatten } from "../tensor/tree.ts";
import { parameterCount, stateBytes } from "../model/cost.ts";
import { parseRunConfig } from "../train/config.ts";
import { callCommand, spawnCommand, spawnUnread, TEXT, tinyRun, writeRecipe, type Ran } from "./fixtures.ts";

const COMMANDS = ["demo", "train", "eval", "passkey", "stream", "generate", "inspect", "export"];
const config = parseRunConfig(tinyRun);
const positive = z.number().positive();
const recallRow = z.strictObject({
  task: z.string(),
  version: z.literal(1),
  length: z.int(),
  samples: z.literal(2),
  score: z.number().min(0).max(1),
  standardError: z.number(),
  exact: z.number(),
  seconds: positive,
  tokensPerSecond: positive,
});
let folder: string;
let trained: Ran;
const at = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cli-"));
  await writeRecipe(folder);
  trained = await spawnCommand([
    "train",
    at("recipe.json"),
    "--data",
    at("text.txt"),
    "--out",
    at("model"),
    "--json",
    at("train.json"),
  ]);
}, 30_000);

afterAll(() => rm(folder, { recursive: true }));

describe("train", () => {
  it("leaves a model folder, a checkpoint and a line for each step", async () => {
    expect(trained).toMatchObject({ code: 0, stdout: `Done: ${at("model")} holds the model.\n` });
    expect((await readdir(at("model"))).toSorted()).toEqual([
      "checkpoint.safetensors",
      "config.json",
      "metrics.jsonl",
      "model.safetensors",
      "report.html",
      "training.json",
    ]);
    const lines = (await readFile(join(at("model"), "metrics.jsonl"), "utf8")).trim().split("\n");
    expect(lines.map((line) => (JSON.parse(line) as { step: number }).step)).toEqual([1, 2]);
    expect(await json("train.json")).toMatchObject({
      folder: at("model"),
      step: 2,
      steps: 2,
      parameters: parameterCount(config.model),
    });
  });
});

describe("eval", () => {
  it("writes what it measured as JSON, to standard output alone", async () => {
    const ran = await spawnCommand(["eval", at("model"), "--data", at("text.txt"), "--json", "-"]);
    const result = z
      .strictObject({
        bitsPerByte: positive,
        perplexity: positive,
        tokens: z.int(),
        bytes: z.int(),
        tokensPerSecond: positive,
        stateBytes: z.int(),
        peakRssBytes: z.int(),
        documents: z.array(z.object({ name: z.literal("text.txt"), bitsPerByte: positive })).length(1),
      })
      .parse(JSON.parse(ran.stdout));
    expect(result.tokens).toBe(TEXT.length - 1);
    expect(result.bytes).toBe(TEXT.length);
    expect(result.bitsPerByte).toBeCloseTo((Math.log2(result.perplexity) * result.tokens) / result.bytes, 9);
    expect(result.bitsPerByte).toBeLessThan(8.5);
    expect(result.stateBytes).toBe(stateBytes(config.model));
    expect(result.peakRssBytes).toBeGreaterThan(30e6);
    expect(ran.stderr).toContain(`bits per byte    ${result.bitsPerByte.toFixed(4)}`);
    expect(ran.code).toBe(0);
  });

  it("writes a table for people, and JSON to a file", async () => {
    const { stdout, stderr, code } = await callCommand(
      "eval",
      at("model"),
      "--data",
      at("text.txt"),
      "--json",
      at("eval.json"),
    );
    expect(stdout).toMatch(
      /^bits per byte +\d\.\d{4}\nperplexity +\d+\.\d{3} per token\ntokens +1,839 at [\d,]+ tokens\/s\nstate +1\.7 kB/,
    );
    expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
    expect(await json("eval.json")).toHaveProperty("bitsPerByte");
  });

  it("asks recall tasks, and writes a row for each task and length", async () => {
    const flags = "--task vt,babilong --lengths 2k,3k --samples 2 --batch 2 --seed 5".split(" ");
    const files = ["--data", at("text.txt"), "--json", at("recall.json")];
    const ran = await callCommand("eval", at("model"), ...flags, ...files);
    expect(ran).toMatchObject({ stderr: "", code: 0 });
    const { rows, ...rest } = z
      .strictObject({ model: z.string(), data: z.string(), seed: z.int(), rows: z.array(recallRow) })
      .parse(await json("recall.json"));
    expect(rest).toEqual({ model: at("model"), data: at("text.txt"), seed: 5 });
    const names = ["vt", "babilong_qa1", "babilong_qa2", "babilong_qa3"];
    expect(rows.map(({ task, length }) => [task, length])).toEqual(
      names.flatMap((task) => [2048, 3072].map((length) => [task, length])),
    );
    expect(ran.stdout.match(/│ (vt|babilong_qa\d) +│ [23],\d{3} +│ 2 +│ \d\.\d{3} ± \d\.\d{3}/g)).toHaveLength(8);
  });
});

describe("passkey", () => {
  const flags = ["--lengths", "1k,2k", "--depths", "0,1", "--samples", "3", "--batch", "2", "--seed", "4"];
  const row = z.strictObject({
    length: z.int(),
    depth: z.number(),
    samples: z.int(),
    tokenAccuracy: z.number(),
    exactMatch: z.number(),
    standardError: z.number(),
    exactStandardError: z.number(),
    seconds: positive,
    tokensPerSecond: positive,
  });
  const report = z.strictObject({ model: z.string(), haystack: z.string(), seed: z.int(), rows: z.array(row) });

  it("writes a row for each length and depth", async () => {
    const { stdout, code } = await spawnCommand(["passkey", at("model"), ...flags, "--json", "-"]);
    const { rows, ...rest } = report.parse(JSON.parse(stdout));
    expect(rest).toEqual({ model: at("model"), haystack: "garbage", seed: 4 });
    expect(rows.map(({ length, depth, samples }) => [length, depth, samples])).toEqual([
      [1024, 0, 3],
      [1024, 1, 3],
      [2048, 0, 3],
      [2048, 1, 3],
    ]);
    for (const { tokenAccuracy, exactMatch } of rows) {
      expect(tokenAccuracy).toBeLessThan(0.5); // it has learned nothing
      expect(exactMatch).toBe(0);
    }
    expect(code).toBe(0);
  });

  it("hides keys in a text, and prints a table", async () => {
    const { stdout, code } = await callCommand(
      "passkey",
      at("model"),
      "--lengths",
      "300",
      "--samples",
      "1",
      "--haystack",
      at("text.txt"),
    );
    expect(stdout.match(/│ 300 +│ (0|0\.5|1) +│ 1 +│ \d\.\d{3} ± 0\.000 +│ \d\.\d{3} ± 0\.000/g)).toHaveLength(3);
    expect(code).toBe(0);
  });
});

describe("stream", () => {
  const QUESTION = "What way? ";

  it("saves what it remembers, and continues from there to the same answer", async () => {
    await writeFile(at("first.txt"), TEXT.slice(0, 1001));
    await writeFile(at("rest.txt"), TEXT.slice(1001));
    const first = await spawnCommand(["stream", at("model"), at("first.txt"), "--save", at("state"), "--json", "-"]);
    expect(JSON.parse(first.stdout)).toMatchObject({
      tokens: 1001,
      position: 1001,
      stateBytes: stateBytes(config.model),
    });
    expect((await stat(at("state"))).size).toBeGreaterThan(stateBytes(config.model));
    const second = await spawnCommand([
      "stream",
      at("model"),
      at("rest.txt"),
      "--load",
      at("state"),
      "--ask",
      QUESTION,
      "--json",
      "-",
    ]);
    const asked = JSON.parse(second.stdout) as { answer: string };
    const whole = await callCommand("stream", at("model"), at("text.txt"), "--ask", QUESTION, "--json", "-");
    expect(asked).toMatchObject({
      tokens: TEXT.length - 1001,
      ask: QUESTION,
      answer: (JSON.parse(whole.stdout) as { answer: string }).answer,
    });
    expect(asked.answer).not.toBe("");
    expect(second.stderr).toContain(`${QUESTION}${asked.answer}\n`);
  });

  it("reads standard input", async () => {
    const { stdout, code } = await spawnCommand(
      ["stream", at("model"), "-", "--save", at("piped"), "--max-tokens", "3", "--ask", QUESTION],
      TEXT,
    );
    expect(stdout).toContain(QUESTION);
    expect(stdout).toMatch(/\n1,840 tokens at [\d,]+ tokens\/s; 1,840 in all; state 1\.7 kB\n$/);
    await callCommand("stream", at("model"), at("text.txt"), "--save", at("read"));
    expect(Buffer.compare(await readFile(at("piped")), await readFile(at("read")))).toBe(0);
    expect(code).toBe(0);
  });

  it("does not need a question or a file for the state", async () => {
    expect((await callCommand("stream", at("model"), at("text.txt"))).stdout).toMatch(
      /^1,840 tokens at .* 1,840 in all; state 1\.7 kB\n$/,
    );
  });
});

describe("generate", () => {
  it("continues a prompt, the same way for the same seed", async () => {
    const flags = ["generate", at("model"), "--prompt", "It is", "--max-tokens", "40"];
    const [first, again, other] = [
      await spawnCommand(flags),
      await callCommand(...flags),
      await callCommand(...flags, "--seed", "1"),
    ];
    expect(first.code).toBe(0);
    expect(first.stdout.length).toBeGreaterThan(5);
    expect(again.stdout).toBe(first.stdout);
    expect(other.stdout).not.toBe(first.stdout);
  });

  it("reads a prompt from standard input, and writes JSON", async () => {
    const flags = ["--max-tokens", "7", "--temperature", "0", "--json", "-"];
    const { stdout, code } = await spawnCommand(["generate", at("model"), "--prompt", "-", ...flags], "It is\n");
    const result = z
      .strictObject({ prompt: z.literal("It is\n"), text: z.string(), tokens: z.literal(13) })
      .parse(JSON.parse(stdout));
    const given = await callCommand("generate", at("model"), "--prompt", "It is\n", ...flags);
    expect(JSON.parse(given.stdout)).toEqual(result);
    expect(code).toBe(0);
  });
});

describe("inspect", () => {
  it("ends silently when its reader has seen enough", async () => {
    const { stdout, stderr } = await spawnUnread(["inspect", "paper-lm"]);
    expect({ stdout, stderr }).toEqual({ stdout: "", stderr: "" });
  });

  it("prints the memory sizes of table 2 for paper-lm", async () => {
    const { stdout, code } = await spawnCommand(["inspect", "paper-lm"]);
    for (const [architecture, numbers, compression] of [
      ["Transformer-XL", "50,331,648", "3.6x"], // 50 M, 3.7x
      ["Memorizing Transformers", "183,451,648", "1.0x"], // 183 M, 1x
      ["Recurrent Memory Transformer", "2,457,600", "74.6x"], // 2.5 M, 73x
      ["Infini-Transformer", "1,585,152", "115.7x"], // 1.6 M, 114x
    ]) {
      const line = stdout.split("\n").find((candidate) => candidate.includes(` ${architecture} `)) ?? "";
      expect(line.split("│").map((cell) => cell.trim())).toEqual(
        expect.arrayContaining([architecture, numbers, compression]),
      );
    }
    expect(stdout).toContain("12, 1024, 8 of 128");
    expect(stdout).not.toContain("gates");
    expect(code).toBe(0);
  });

  it("prints parameters and the gate of each head of a model", async () => {
    const { stdout, code } = await callCommand("inspect", at("model"), "--json", at("inspect.json"));
    const { gates, parameters } = z
      .object({ gates: z.array(z.array(z.number())), parameters: z.int() })
      .parse(await json("inspect.json"));
    expect(parameters).toBe(parameterCount(config.model));
    expect(stdout).toContain(`parameters              ${parameters.toLocaleString("en-US")}\n`);
    expect(gates.map((heads) => heads.length)).toEqual([2, 2]);
    gates.forEach((heads, layer) => {
      const line = stdout.split("\n").find((candidate) => candidate.startsWith(`layer  ${layer}`)) ?? "";
      expect(line.match(/\d\.\d\d/g)).toEqual(heads.map((gate) => gate.toFixed(2)));
    });
    const { params } = await loadModelFolder(at("model"));
    const beta = flatten<FloatTensor>(params)["blocks.1.attention.gate"]?.data[1] ?? NaN;
    expect(gates[1]?.[1]).toBeCloseTo(1 / (1 + Math.exp(-beta)), 10);
    expect(code).toBe(0);
  });

  it("prints what each layer has where they differ", async () => {
    const layers = [{ mixer: { kind: "gated-deltanet" } }, {}, {}, { memory: { update: "linear", heads: [1] } }];
    const model = { ...tinyRun.model, numKeyValueHeads: 2, numLayers: 4, layers };
    await writeFile(at("layers.json"), JSON.stringify({ ...tinyRun, model }));
    const { stdout, code } = await callCommand("inspect", at("layers.json"));
    expect(stdout).toContain("layer 0                 gated-deltanet\n");
    expect(stdout).toContain("layers 1 to 2           memory token-delta\n");
    expect(stdout).toContain("layer 3                 memory linear, key/value heads 1\n");
    expect(code).toBe(0);
  });

  it("takes a recipe, and writes JSON to standard output", async () => {
    const { stdout } = await callCommand("inspect", at("recipe.json"), "--json", "-");
    const result = JSON.parse(stdout) as { parameters: number };
    expect(result).toMatchObject({
      parameters: parameterCount(config.model),
      stateBytes: stateBytes(config.model),
      config: config.model,
    });
    expect(result).not.toHaveProperty("gates");
  });
});

describe("export", () => {
  const shapes = z.record(z.string(), z.strictObject({ dtype: z.enum(["float32", "int32"]), shape: z.array(z.int()) }));

  it("writes an ONNX file that gives the logits of a session, segment after segment", async () => {
    const { code } = await spawnCommand(["export", at("model"), "--out", at("onnx")]);
    expect(code).toBe(0);
    expect((await readdir(at("onnx"))).toSorted()).toEqual([
      "config.json",
      "model.onnx",
      "model.safetensors",
      "signature.json",
    ]);
    const { inputs } = z.object({ inputs: shapes }).parse(await json("onnx/signature.json"));
    const segmentLength = config.model.segmentLength;
    expect(inputs["tokens"]).toEqual({ dtype: "int32", shape: [1, segmentLength] });

    const session = await sessionOf("model");
    const graph = await ort.InferenceSession.create(join(at("onnx"), "model.onnx"), { logSeverityLevel: 3 });
    let feeds = Object.fromEntries(
      Object.entries(inputs).map(([name, { shape }]) => [
        name,
        new ort.Tensor("float32", new Float32Array(sizeOf(shape)), shape),
      ]),
    );
    const tokens = encodeText(TEXT);
    for (let segment = 0; segment < 3; segment++) {
      const part = tokens.subarray(segment * segmentLength, (segment + 1) * segmentLength);
      const results = await graph.run({ ...feeds, tokens: new ort.Tensor("int32", part, [1, segmentLength]) });
      const logits = results["logits"]?.data as Float32Array;
      expect(results["logits"]?.dims).toEqual([1, segmentLength, 256]);
      for (const [i, token] of part.entries()) {
        const expected = await session.step(token);
        const row = logits.subarray(i * 256, (i + 1) * 256);
        expect(Math.max(...row.map((value, v) => Math.abs(value - (expected[v] ?? NaN))))).toBeLessThan(1e-5);
      }
      const after = Object.entries(results).filter(([name]) => name.startsWith("next."));
      expect(after.map(([name]) => name.slice(5)).toSorted()).toEqual(
        Object.keys(inputs)
          .filter((name) => name !== "tokens")
          .toSorted(),
      );
      feeds = Object.fromEntries(after.map(([name, value]) => [name.slice(5), value as ort.TypedTensor<"float32">]));
    }
    await graph.release();
    await session.dispose();
  });

  it("writes the weights too, as a model folder", async () => {
    await callCommand("export", at("model"), "--out", at("copy"));
    expect(await (await sessionOf("copy")).prefill(encodeText(TEXT))).toEqual(
      await (await sessionOf("model")).prefill(encodeText(TEXT)),
    );
  });
});

describe("help", () => {
  it("lists every command", async () => {
    const { stdout, code } = await spawnCommand(["--help"]);
    expect([...stdout.matchAll(/^ {2}([a-z]+) {2,}\S/gm)].map(([, name]) => name)).toEqual(COMMANDS);
    expect(code).toBe(0);
    expect((await callCommand("help")).stdout).toBe(stdout);
    expect((await callCommand("--version")).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it.each(COMMANDS)("of %s names the default of every option", async (command) => {
    const { stdout, code } = await callCommand(command, "--help");
    expect(code).toBe(0);
    const help = stdout.replaceAll(/\s+/g, " ");
    const [usage = "", options = ""] = help.split(" Options: ");
    expect(usage).toContain(`Usage: infini ${command} [options]`);
    // Options that may be left out without a default.
    const texts = ["--data", "--from", "--out", "--prompt", "--json", "--load", "--save", "--ask", "--validate"];
    const bare = [...texts, "--resume", "--help"];
    for (const [, flag = "", text = ""] of options.matchAll(/(--[a-z-]+)( .*?)(?= --[a-z]| -h, |$)/g)) {
      if (!bare.includes(flag)) expect(text, flag).toMatch(/\(default: |, default: |\(choices: .*default: /);
    }
    const expected = {
      train: "--resume",
      eval: "default: perplexity",
      passkey: "0,0.5,1",
      stream: "64",
      generate: "0.8",
      demo: "infini-report.html",
    }[command];
    expect(options).toContain(expected ?? "-h, --help");
  });
});

// --- internal ---

async function json(name: string): Promise<unknown> {
  return JSON.parse(await readFile(at(name), "utf8"));
}

async function sessionOf(name: string): Promise<Session> {
  return createSession({ loaded: await loadModelFolder(at(name)), engine: await createNodeEngine({ threads: 1 }) });
}
