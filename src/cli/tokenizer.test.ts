import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gpt2Tokenizer, GPT2_VOCABULARY_SIZE } from "../text/tokenizers/gpt2.ts";
import { tinyTokenizerJson } from "../text/tokenizers/fixtures.ts";
import { huggingFaceTokenizer } from "../text/tokenizers/hugging-face.ts";
import type { PerplexityResult } from "../evaluate/perplexity.ts";
import type { PasskeyRow } from "../evaluate/passkey.ts";
import type { RecallRow } from "../evaluate/recall.ts";
import { callCommand, TEXT, tinyRun, type Ran } from "./fixtures.ts";

let folder: string;
let trained: Ran;
const at = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cli-tokenizer-"));
  await writeFile(at("text.txt"), TEXT);
  await writeFile(at("long.txt"), TEXT.repeat(10));
  await writeFile(at("mine.json"), JSON.stringify(tinyTokenizerJson()));
  await writeRecipe("recipe.json", { tokenizer: at("mine.json"), vocabularySize: 263 });
  trained = await callCommand("train", at("recipe.json"), "--data", at("text.txt"), "--out", at("model"));
}, 30_000);

afterAll(() => rm(folder, { recursive: true }));

describe("a model with a tokenizer.json", () => {
  it("keeps a copy, and a config that names it", async () => {
    expect(trained.code).toBe(0);
    expect(await readdir(at("model"))).toContain("tokenizer.json");
    expect(await json("model/tokenizer.json")).toEqual(tinyTokenizerJson());
    expect(await json("model/config.json")).toMatchObject({ tokenizer: "tokenizer.json", vocabularySize: 263 });
  });

  it("is measured in its tokens, and in bits of the bytes of the text", async () => {
    await cp(at("model"), at("moved"), { recursive: true });
    const { code } = await callCommand("eval", at("moved"), "--data", at("text.txt"), "--json", at("eval.json"));
    expect(code).toBe(0);
    const { tokens, bytes, bitsPerByte, perplexity } = (await json("eval.json")) as PerplexityResult;
    const { encode } = await huggingFaceTokenizer(tinyTokenizerJson(), "tiny");
    expect(tokens).toBe(encode(TEXT).length - 1);
    expect(tokens).toBeLessThan(TEXT.length - 1);
    expect(bytes).toBe(TEXT.length);
    expect(bitsPerByte).toBeCloseTo((Math.log2(perplexity) * tokens) / bytes, 9);
  });

  it("measures every document of a folder from its start", async () => {
    const texts = ["one.txt", "two.txt"];
    for (const name of texts) await cp(at("text.txt"), join(at("texts"), name));
    const { stdout } = await callCommand("eval", at("model"), "--data", at("texts"), "--json", at("texts.json"));
    expect(stdout).toMatch(/^documents +2, each read from its start$/m);
    const single = (await json("eval.json")) as PerplexityResult;
    const pooled = (await json("texts.json")) as PerplexityResult & {
      documents: (PerplexityResult & { name: string })[];
    };
    expect(pooled.documents.map(({ name }) => name)).toEqual(texts);
    for (const document of pooled.documents) expect(document.bitsPerByte).toBeCloseTo(single.bitsPerByte, 6);
    expect(pooled.tokens).toBe(2 * single.tokens);
  });

  it("streams, generates, shows itself and is exported", async () => {
    const stream = await callCommand("stream", at("model"), at("text.txt"), "--ask", "It is", "--max-tokens", "3");
    const { encode } = await huggingFaceTokenizer(tinyTokenizerJson(), "tiny");
    expect(stream.stdout).toMatch(/^It is/);
    expect(stream.stdout).toContain(`${encode(TEXT).length.toLocaleString("en-US")} tokens at`);
    const generated = await callCommand(
      "generate",
      at("model"),
      "--prompt",
      "of the",
      "--max-tokens",
      "5",
      "--json",
      "-",
    );
    expect(JSON.parse(generated.stdout)).toMatchObject({ prompt: "of the", tokens: encode("of the").length + 5 });
    expect((await callCommand("inspect", at("model"))).stdout).toMatch(/^tokens +263, those of tokenizer\.json$/m);
    await callCommand("export", at("model"), "--out", at("exported"));
    expect(await json("exported/tokenizer.json")).toEqual(tinyTokenizerJson());
  });

  it("resumes only with the same tokenizer", async () => {
    await cp(at("model"), at("resumed"), { recursive: true });
    const resume = ["train", at("recipe.json"), "--data", at("text.txt"), "--out", at("resumed"), "--resume"];
    expect((await callCommand(...resume)).code).toBe(0);
    await writeFile(at("resumed/tokenizer.json"), "{}");
    await expectRefusal(resume, /--resume: the run began with another tokenizer, .*resumed\/tokenizer\.json/);
  });

  it("is asked for pass keys, in prompts measured in its tokens", async () => {
    const asked = [
      "--lengths",
      "300,400",
      "--depths",
      "0,1",
      "--samples",
      "2",
      "--batch",
      "2",
      "--json",
      at("keys.json"),
    ];
    for (const haystack of ["garbage", at("text.txt")]) {
      expect((await callCommand("passkey", at("model"), ...asked, "--haystack", haystack)).code).toBe(0);
      const { rows } = (await json("keys.json")) as { rows: PasskeyRow[] };
      expect(rows.map(({ length, depth, samples }) => [length, depth, samples])).toEqual([
        [300, 0, 2],
        [300, 1, 2],
        [400, 0, 2],
        [400, 1, 2],
      ]);
    }
    await expectRefusal(["passkey", at("model"), "--lengths", "100"], /--lengths: .* at least \d+ tokens, got 100/);
  });

  it("is asked the prompts of recall tasks, measured in its tokens", async () => {
    const tasks = ["eval", at("model"), "--task", "niah_single_2,babilong_qa1", "--data", at("text.txt")];
    const ran = await callCommand(...tasks, "--lengths", "600", "--samples", "2", "--json", at("recall.json"));
    expect(ran.stderr).toBe("");
    const { rows } = (await json("recall.json")) as { rows: RecallRow[] };
    expect(rows.map(({ task, length, samples }) => [task, length, samples])).toEqual([
      ["niah_single_2", 600, 2],
      ["babilong_qa1", 600, 2],
    ]);
    await expectRefusal([...tasks, "--lengths", "60"], /--lengths: niah_single_2 needs at least \d+ tokens, got 60/);
  });

  it("is asked for the pairs of mqar if its vocabulary is large enough", async () => {
    const problem = /mqar has a vocabulary of 8192 tokens, but the model has one of 263/;
    await expectRefusal(["eval", at("model"), "--task", "mqar", "--lengths", "64", "--pairs", "4"], problem);
  });

  it("is trained on every task that writes text", async () => {
    const mixture = [
      { task: "copy", share: 1 },
      { task: "passkey", share: 1 },
      { task: "recall", share: 1, names: ["niah_single_2", "babilong_qa1"] },
    ];
    await writeRecipe(
      "tasks.json",
      { tokenizer: at("mine.json"), vocabularySize: 263 },
      { mixture, length: 1024, batch: 4 },
    );
    const ran = await callCommand("train", at("tasks.json"), "--data", at("long.txt"), "--out", at("tasks"));
    expect(ran.code).toBe(0);
  });
});

describe("a model with the tokenizer of GPT-2", () => {
  it("needs no file", async () => {
    await writeRecipe("gpt2.json", { tokenizer: "gpt2", vocabularySize: GPT2_VOCABULARY_SIZE });
    const ran = await callCommand("train", at("gpt2.json"), "--data", at("text.txt"), "--out", at("gpt2"));
    expect(ran.code).toBe(0);
    expect(await readdir(at("gpt2"))).not.toContain("tokenizer.json");
    expect(await json("gpt2/config.json")).toMatchObject({ tokenizer: "gpt2" });
    await callCommand("eval", at("gpt2"), "--data", at("text.txt"), "--json", at("gpt2-eval.json"));
    const { tokens } = (await json("gpt2-eval.json")) as PerplexityResult;
    expect(tokens).toBe((await gpt2Tokenizer()).encode(TEXT).length - 1);
  }, 30_000);
});

describe("a recipe whose tokenizer cannot be used", () => {
  it.each<[string, object, object, RegExp]>([
    [
      "with fewer tokens than GPT-2",
      { tokenizer: "gpt2" },
      {},
      /model\.vocabularySize: is 256, but the tokenizer gpt2 has 50257 tokens/,
    ],
    ["with a file that is missing", { tokenizer: "no/tokenizer.json" }, {}, /tokenizer\.json: there is no such file/],
  ])("%s", async (_, model, training, problem) => {
    await writeRecipe("bad.json", model, training);
    await expectRefusal(["train", at("bad.json"), "--data", at("text.txt"), "--out", at("new")], problem);
    expect(await readdir(folder)).not.toContain("new");
  });
});

// --- internal ---

async function writeRecipe(name: string, model: object, training: object = {}): Promise<void> {
  const recipe = { model: { ...tinyRun.model, ...model }, training: { ...tinyRun.training, ...training } };
  await writeFile(at(name), JSON.stringify(recipe));
}

async function json(name: string): Promise<unknown> {
  return JSON.parse(await readFile(at(name), "utf8"));
}

async function expectRefusal(args: readonly string[], problem: RegExp): Promise<void> {
  const { stderr, code } = await callCommand(...args);
  expect(stderr).toMatch(problem);
  expect(stderr).not.toMatch(/^ {4}at /m);
  expect(code).toBe(1);
}
