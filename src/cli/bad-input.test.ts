import { OptionError } from "../base/errors.ts";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, open, readdir, readFile, rm, writeFile, type FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { FileError } from "../platform/node/files.ts";
import { decodeSafetensors, encodeSafetensors } from "../tensor/safetensors.ts";
import { parseRunConfig } from "../train/config.ts";
import { callCommand, spawnCommand, tinyRun, writeRecipe, type Ran } from "./fixtures.ts";
import { openRunFolder } from "./runs/run-folder.ts";

type Edit = (run: typeof tinyRun) => unknown;

/** Arguments in which `@name` stands for that file in the folder of the test. */
type Args = readonly string[];

let folder: string;
const at = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "bad-input-"));
  await writeRecipe(folder);
  await callCommand("train", at("recipe.json"), "--data", at("text.txt"), "--out", at("model"));
  await callCommand("stream", at("model"), at("text.txt"), "--save", at("state"));
  await writeFile(at("empty.txt"), "");
  await writeFile(at("one.txt"), "a");
  await writeFile(at("short.txt"), "Call me");
  await writeFile(at("binary.txt"), Uint8Array.of(0x61, 0x62, 0, 0x63));
  await writeFile(at("latin.txt"), Uint8Array.of(0x63, 0xe9, 0x20));
  await mkdir(at("hollow"));
}, 30_000);

afterAll(() => rm(folder, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

describe("a text that cannot be used", () => {
  it.each<[string, Args, RegExp]>([
    ["eval: a missing one", ["eval", "@model", "--data", "@no.txt"], /no\.txt: cannot be read: ENOENT/],
    ["eval: an empty one", ["eval", "@model", "--data", "@empty.txt"], /empty\.txt: is empty/],
    [
      "eval: one with binary data",
      ["eval", "@model", "--data", "@binary.txt"],
      /binary\.txt: holds binary data, not text/,
    ],
    ["eval: one in Latin-1", ["eval", "@model", "--data", "@latin.txt"], /latin\.txt: is not UTF-8 text/],
    ["eval: one of one byte", ["eval", "@model", "--data", "@one.txt"], /--data: .*one\.txt has one token/],
    ["eval: an empty folder", ["eval", "@model", "--data", "@hollow"], /hollow: no \.txt or \.jsonl file/],
    [
      "train: a missing one",
      ["train", "@recipe.json", "--out", "@new", "--data", "@no.txt"],
      /no\.txt: cannot be read: ENOENT/,
    ],
    [
      "train: an empty one",
      ["train", "@recipe.json", "--out", "@new", "--data", "@text.txt", "@empty.txt"],
      /empty\.txt: is empty/,
    ],
    [
      "train: one with binary data",
      ["train", "@recipe.json", "--out", "@new", "--data", "@binary.txt"],
      /binary\.txt: holds binary data/,
    ],
    [
      "train: an empty folder",
      ["train", "@recipe.json", "--out", "@new", "--data", "@hollow"],
      /hollow: no \.txt or \.jsonl file/,
    ],
    ["stream: a missing one", ["stream", "@model", "@no.txt"], /no\.txt: there is no such file/],
    ["stream: an empty one", ["stream", "@model", "@empty.txt", "--save", "@state"], /empty\.txt: is empty/],
    [
      "stream: one with binary data",
      ["stream", "@model", "@binary.txt", "--save", "@state"],
      /binary\.txt: holds binary data at byte 2/,
    ],
    ["stream: a folder", ["stream", "@model", "@hollow"], /hollow: is a folder, not a text file/],
    ["passkey: a missing haystack", ["passkey", "@model", "--haystack", "@no.txt"], /no\.txt: cannot be read/],
    ["passkey: an empty haystack", ["passkey", "@model", "--haystack", "@empty.txt"], /empty\.txt: is empty/],
    [
      "demo: a missing book",
      ["demo", "--model", "@model", "--book", "@no.txt", "--report", "@report.html"],
      /no\.txt: cannot be read/,
    ],
    [
      "demo: a short book",
      ["demo", "--model", "@model", "--book", "@text.txt", "--report", "@report.html"],
      /--book: needs 80000 tokens or more, has 1840/,
    ],
  ])("%s", (_, args, problem) => expectRefusal(args, problem));

  it("train: one that is shorter than a sequence", async () => {
    const { stderr, code } = await call(["train", "@recipe.json", "--out", "@brief", "--data", "@short.txt"]);
    expect(stderr).toMatch(/^error: no document is longer than the 16 tokens of a training sequence\n$/m);
    expect(stderr).not.toMatch(STACK);
    expect(code).toBe(1);
  });

  it("nothing on standard input", async () => {
    const [stream, binary, generate] = await Promise.all([
      spawnCommand(["stream", at("model"), "-"]),
      spawnCommand(["stream", at("model"), "-"], "ab\0c"),
      spawnCommand(["generate", at("model"), "--prompt", "-"]),
    ]);
    expect(stream).toEqual({ stdout: "", stderr: "error: -: is empty\n", code: 1 });
    expect(binary).toEqual({ stdout: "", stderr: "error: -: holds binary data at byte 2, not text\n", code: 1 });
    expect(generate).toEqual({ stdout: "", stderr: "error: --prompt: the prompt has no tokens\n", code: 1 });
  });
});

describe("flags and arguments", () => {
  const evalArgs = ["eval", "@model", "--data", "@text.txt"];
  const generateArgs = ["generate", "@model", "--prompt", "a"];

  it.each<[string, Args, RegExp]>([
    ["an unknown command", ["evla"], /unknown command 'evla' \(Did you mean eval\?\)/],
    ["an unknown flag", [...evalArgs, "--jsn", "-"], /unknown option '--jsn' \(Did you mean --json\?\)/],
    [
      "an unknown flag of generate",
      [...generateArgs, "--max-token", "3"],
      /unknown option '--max-token' \(Did you mean --max-tokens\?\)/,
    ],
    ["a flag that is missing", ["export", "@model"], /required option '--out <folder>' not specified/],
    ["a model whose vocabulary is too small for mqar", ["eval", "@model", "--task", "mqar"], /8,?192/],
    ["pairs in words", ["eval", "@model", "--task", "mqar", "--pairs", "few"], /--pairs.*whole number of at least 1/],
    ["no text to train on", ["train", "@recipe.json", "--out", "@new"], /--data: the mixture of this run reads text/],
    ["no text to predict", ["eval", "@model"], /--data: perplexity needs a text file/],
    [
      "no book for a task that reads one",
      ["eval", "@model", "--task", "vt,babilong"],
      /--data: babilong_qa1 needs a text file/,
    ],
    [
      "a length without room for a task",
      [...evalArgs, "--task", "niah_single_1,vt", "--lengths", "4k,1k"],
      /--lengths: vt needs at least 1716 tokens, got 1024/,
    ],
    ["a flag without its value", ["eval", "@model", "--data"], /option '--data <path>' argument missing/],
    ["an argument that is missing", ["eval", "--data", "@text.txt"], /missing required argument 'model'/],
    ["an argument too many", [...evalArgs, "@model"], /too many arguments for 'eval'/],
    [
      "no steps",
      ["train", "@recipe.json", "--data", "@text.txt", "--out", "@new", "--steps", "0"],
      /'--steps <count>' argument '0' is invalid. Expected a whole number of at least 1/,
    ],
    ["half a prompt", ["passkey", "@model", "--samples", "1.5"], /'--samples <count>' argument '1\.5' is invalid/],
    [
      "a count that is not a number",
      ["passkey", "@model", "--batch", "many"],
      /'--batch <count>' argument 'many' is invalid/,
    ],
    [
      "a negative seed",
      ["passkey", "@model", "--seed", "-1"],
      /'--seed <number>' argument '-1' is invalid. Expected a whole number of at least 0/,
    ],
    ["an empty seed", ["passkey", "@model", "--seed", ""], /'--seed <number>' argument '' is invalid/],
    [
      "a length in a strange unit",
      ["passkey", "@model", "--lengths", "4k,4q"],
      /'--lengths <list>' argument '4k,4q' is invalid. "4q" is not a length/,
    ],
    ["an endless length", ["passkey", "@model", "--lengths", "1k,2000m"], /"2000m" is too long; 1024m is the maximum/],
    ["an empty length", ["passkey", "@model", "--lengths", "0"], /'--lengths <list>' argument '0' is invalid/],
    [
      "a length without room for the key",
      ["passkey", "@model", "--lengths", "1k,100"],
      /--lengths: a pass key prompt needs at least \d+ tokens, got 100/,
    ],
    [
      "a depth past the end",
      ["passkey", "@model", "--depths", "0,1.5"],
      /'--depths <list>' argument '0,1\.5' is invalid/,
    ],
    [
      "a temperature that is not a number",
      [...generateArgs, "--temperature", "hot"],
      /'--temperature <number>' argument 'hot' is invalid/,
    ],
    ["an empty temperature", [...generateArgs, "--temperature", ""], /'--temperature <number>' argument '' is invalid/],
    ["top-p 0", [...generateArgs, "--top-p", "0"], /'--top-p <share>' argument '0' is invalid/],
    ["top-k 0", [...generateArgs, "--top-k", "0"], /'--top-k <count>' argument '0' is invalid/],
    [
      "an unknown device",
      [...evalArgs, "--device", "abacus"],
      /'--device <name>' argument 'abacus' is invalid. Allowed choices are cpu, webgpu, cuda/,
    ],
    [
      "an unknown mode",
      ["train", "tiny", "--data", "@text.txt", "--out", "@new", "--mode", "x"],
      /'--mode <mode>' argument 'x' is invalid/,
    ],
    ["an unknown measurement", [...evalArgs, "--task", "vibes"], /'--task <names>' argument 'vibes' is invalid/],
    [
      "a task misspelt",
      [...evalArgs, "--task", "vt,niah_singel_1"],
      /"niah_singel_1" is not a task \(did you mean "niah_single_1"\?\)/,
    ],
    ["a task beside perplexity", [...evalArgs, "--task", "vt,perplexity"], /perplexity must be measured alone/],
    ["a prompt of no tokens", ["generate", "@model", "--prompt", ""], /--prompt: the prompt has no tokens/],
    [
      "a question of no tokens",
      ["stream", "@model", "@text.txt", "--ask", "", "--save", "@state"],
      /--ask: the question has no tokens/,
    ],
  ])("%s", (_, args, problem) => expectRefusal(args, problem));

  it("an unknown device in the environment", async () => {
    vi.stubEnv("INFINI_DEVICE", "abacus");
    try {
      await expectRefusal(evalArgs, /'--device <name>' value 'abacus' from env 'INFINI_DEVICE' is invalid/);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it.skipIf(existsSync("/dev/nvidia0"))("a machine without CUDA", () =>
    expectRefusal([...evalArgs, "--device", "cuda"], /device "cuda" (does not work|is not available) here/),
  );
  it.skipIf(process.env["INFINI_TEST_WEBGPU"])("a machine without WebGPU", () =>
    expectRefusal([...evalArgs, "--device", "webgpu"], /device "webgpu" (does not work|is not available) here/),
  );
});

describe("a config that cannot be used", () => {
  const train = ["train", "@bad.json", "--data", "@text.txt", "--out", "@new"];

  it.each<[string, string, Args, RegExp]>([
    [
      "train",
      "tinny",
      ["train", "tinny", "--data", "@text.txt", "--out", "@new"],
      /"tinny" is neither a file nor a preset \(did you mean "tiny"\?\); presets: nano, tiny/,
    ],
    [
      "inspect",
      "paperlm",
      ["inspect", "paperlm"],
      /"paperlm" is neither a file nor a preset \(did you mean "paper-lm"\?\)/,
    ],
  ])("%s: the unknown preset %s", (_, _name, args, problem) => expectRefusal(args, problem));

  it.each<[string, Edit | string, RegExp]>([
    ["is not JSON", '{"model":', /bad\.json: is not JSON/],
    ["is empty", "", /bad\.json: is not JSON/],
    ["is a list", "[]", /bad\.json: value: .*expected object/],
    ["lacks the model", ({ training }) => ({ training }), /bad\.json: model: .*expected object/],
    [
      "has a key misspelt",
      ({ model, training }) => ({ model: { ...model, modelDimm: 8 }, training }),
      /bad\.json: unknown key "model\.modelDimm" \(did you mean "modelDim"\?\)/,
    ],
    [
      "has a training key misspelt",
      ({ model, training }) => ({ model, training: { ...training, lerningRate: 1 } }),
      /unknown key "training\.lerningRate" \(did you mean "learningRate"\?\)/,
    ],
    [
      "has a memory key misspelt",
      ({ model, training }) => ({ model: { ...model, memory: { updat: "delta" } }, training }),
      /unknown key "model\.memory\.updat" \(did you mean "update"\?\)/,
    ],
    ["has a segment of no tokens", segment(0), /bad\.json: model\.segmentLength: .*>0/],
    ["has a segment of one and a half tokens", segment(1.5), /bad\.json: model\.segmentLength: .*expected int/],
    ["has a segment of -3 tokens", segment(-3), /bad\.json: model\.segmentLength: .*>0/],
    ["has a segment length in words", segment("eight"), /bad\.json: model\.segmentLength: .*expected number/],
    [
      "has sequences of broken segments",
      ({ model, training }) => ({ model, training: { ...training, length: 20 } }),
      /bad\.json: training\.length: must be a whole number of segments/,
    ],
    [
      "has heads that cannot be shared",
      ({ model, training }) => ({ model: { ...model, numKeyValueHeads: 3 }, training }),
      /model\.numKeyValueHeads: must divide numHeads/,
    ],
    [
      "has an odd head",
      ({ model, training }) => ({ model: { ...model, headDim: 7 }, training }),
      /model\.headDim: .*multiple of 2/,
    ],
    [
      "has an unknown memory",
      ({ model, training }) => ({ model: { ...model, memory: { update: "magic" } }, training }),
      /model\.memory\.update: .*"token-delta"/,
    ],
    [
      "has an unknown optimizer",
      ({ model, training }) => ({ model, training: { ...training, optimizer: { kind: "sgd" } } }),
      /training\.optimizer/,
    ],
  ])("%s", async (_, content, problem) => {
    await writeFile(at("bad.json"), typeof content === "string" ? content : JSON.stringify(content(tinyRun)));
    await expectRefusal(train, problem);
    await expectRefusal(["inspect", "@bad.json"], problem);
  });

  it("names everything that is wrong at once", async () => {
    await writeFile(
      at("bad.json"),
      JSON.stringify({ ...tinyRun, model: { ...tinyRun.model, segmentLength: 0, depth: 1 } }),
    );
    await expectRefusal(train, /model\.segmentLength: .*; unknown key "model\.depth"/);
  });

  it("names the file of a model folder", async () => {
    await brokenModel("config.json", (bytes) => text(bytes).replace('"headDim"', '"headDims"'));
    await expectRefusal(
      ["eval", "@broken", "--data", "@text.txt"],
      /broken\/config\.json: .*unknown key "headDims" \(did you mean "headDim"\?\)/,
    );
    await expectRefusal(["eval", "@hollow", "--data", "@text.txt"], /hollow\/config\.json: there is no such file/);
    await expectRefusal(["inspect", "@hollow"], /hollow: cannot be read: EISDIR/);
  });
});

describe("weights that cannot be used", () => {
  it.each<[string, string, (bytes: Uint8Array) => Uint8Array | string, RegExp]>([
    [
      "cut off",
      WEIGHTS,
      (bytes) => bytes.subarray(0, -5),
      /model\.safetensors: is cut off: ".*" ends at byte \d+ of \d+/,
    ],
    [
      "cut off in their header",
      WEIGHTS,
      (bytes) => bytes.subarray(0, 100),
      /model\.safetensors: is cut off or not a safetensors file/,
    ],
    ["empty", WEIGHTS, () => "", /model\.safetensors: is cut off: 0 bytes/],
    [
      "of another kind",
      WEIGHTS,
      () => "It is a way I have of driving off the spleen.",
      /model\.safetensors: is cut off or not a safetensors file/,
    ],
    [
      "with more bytes than tensors",
      WEIGHTS,
      (bytes) => Buffer.concat([bytes, Buffer.alloc(3)]),
      /model\.safetensors: 3 bytes after the last tensor/,
    ],
    [
      "whose header lies about a size",
      WEIGHTS,
      header('"shape":[256,16]', '"shape":[255,16]'),
      /"embedding" of shape \[255, 16\] takes 16320 bytes, not 16384/,
    ],
    [
      "whose header lies about an offset",
      WEIGHTS,
      header('"data_offsets":[0,', '"data_offsets":[4,'),
      /"embedding" lies at 4\.\.16384, expected to begin at 0/,
    ],
    [
      "of other shapes",
      WEIGHTS,
      edit((all) => ({ ...all, finalNorm: { ...tensor(all["finalNorm"]), shape: [2, 8] } })),
      /"finalNorm" must have shape \[16\], has \[2, 8\]/,
    ],
    [
      "of another type",
      WEIGHTS,
      edit((all) => ({
        ...all,
        finalNorm: { dtype: "int32", shape: [16], data: new Int32Array(16) },
      })),
      /"finalNorm" is int32: weights are numbers with fractions/,
    ],
    ["that lack a tensor", WEIGHTS, edit((all) => without(all, "finalNorm")), /model\.safetensors: lacks "finalNorm"/],
    [
      "with a tensor too many",
      WEIGHTS,
      edit((tensors) => ({ ...tensors, extra: tensor(tensors["finalNorm"]) })),
      /"extra" is not part of this config/,
    ],
    [
      "of a config with more layers",
      "config.json",
      (bytes) => text(bytes).replace('"numLayers": 2', '"numLayers": 3'),
      /model\.safetensors: lacks "blocks\.2\./,
    ],
    [
      "of a config with fewer layers",
      "config.json",
      (bytes) => text(bytes).replace('"numLayers": 2', '"numLayers": 1'),
      /model\.safetensors: "blocks\.1\..*" is not part of this config/,
    ],
    [
      "of a wider config",
      "config.json",
      (bytes) => text(bytes).replace('"feedForwardDim": 24', '"feedForwardDim": 32'),
      /model\.safetensors: ".*" must have shape/,
    ],
  ])("%s", async (_, file, change, problem) => {
    await brokenModel(file, change);
    await expectRefusal(["eval", "@broken", "--data", "@text.txt"], problem);
    await expectRefusal(["stream", "@broken", "@text.txt", "--save", "@state"], problem);
    await expectRefusal(["export", "@broken", "--out", "@new"], problem);
  });

  it("not there", async () => {
    await brokenModel(WEIGHTS, (bytes) => bytes);
    await rm(join(at("broken"), WEIGHTS));
    await expectRefusal(["generate", "@broken", "--prompt", "a"], /broken\/model\.safetensors: there is no such file/);
  });
});

describe("a state that cannot be loaded", () => {
  it.each<[string, Args, RegExp]>([
    ["that is missing", ["--load", "@no.state"], /no\.state: there is no such file/],
    ["that is cut off", ["--load", "@cut.state"], /cut\.state: is cut off/],
    ["that is the weights", ["--load", "@model/model.safetensors"], /model\.safetensors: is not a saved session/],
    ["of another model", ["--load", "@other.state"], /other\.state: was saved by another model/],
  ])("%s", async (_, flags, problem) => {
    const state = await readFile(at("state"));
    await writeFile(at("cut.state"), state.subarray(0, -1));
    const { tensors, metadata } = decodeSafetensors(state, "state");
    await writeFile(at("other.state"), encodeSafetensors(tensors, { ...metadata, model: "0".repeat(16) }));
    await expectRefusal(["stream", "@model", "@text.txt", "--save", "@state", ...flags], problem);
  });
});

describe("an output folder that cannot be used", () => {
  const train = (...flags: Args): Args => ["train", "@recipe.json", "--data", "@text.txt", ...flags];

  it.each<[string, Args, RegExp]>([
    [
      "train: one with another run",
      train("--out", "@model"),
      /--out: .*model is not empty; choose another folder, or continue its run with --resume/,
    ],
    ["train: a file", train("--out", "@text.txt"), /--out: .*text\.txt cannot be used as a folder: ENOTDIR/],
    ["train: one below a file", train("--out", "@text.txt/new"), /--out: .*new cannot be used as a folder: ENOTDIR/],
    [
      "resume: one that is missing",
      train("--out", "@new", "--resume"),
      /--resume: .*new holds no checkpoint to resume/,
    ],
    ["resume: one without a run", train("--out", "@hollow", "--resume"), /--resume: .*hollow holds no checkpoint/],
    [
      "resume: the run of another model",
      ["train", "nano", "--data", "@text.txt", "--out", "@model", "--resume"],
      /checkpoint\.safetensors: model\.modelDim was 16, is \d+: that is another run/,
    ],
    ["export: one that is not empty", ["export", "@model", "--out", "@model"], /--out: .*model is not empty/],
    [
      "export: a file",
      ["export", "@model", "--out", "@text.txt"],
      /text\.txt.*: cannot be written: .*(EEXIST|ENOTDIR)/,
    ],
  ])("%s", (_, args, problem) => expectRefusal(args, problem));

  it.each<[string, (bytes: Uint8Array) => Uint8Array, RegExp]>([
    ["cut off", (bytes) => bytes.subarray(0, -8), /checkpoint\.safetensors: is cut off/],
    ["without a step", changeMetadata((all) => without(all, "step")), /checkpoint\.safetensors: has no step number/],
    [
      "at a negative step",
      changeMetadata((all) => ({ ...all, step: "-1" })),
      /checkpoint\.safetensors: has no step number/,
    ],
  ])("resume: a checkpoint that is %s", async (_, change, problem) => {
    await brokenModel("checkpoint.safetensors", change);
    await expectRefusal(train("--out", "@broken", "--resume"), problem);
  });
});

describe("a full disk", () => {
  it.each<[string, Args, string]>([
    ["the state of a stream", ["stream", "@model", "@text.txt", "--save", "@state"], "state"],
    ["JSON", ["inspect", "@model", "--json", "@old.json"], "old.json"],
  ])("leaves %s unchanged", async (_, args, file) => {
    await writeFile(at("old.json"), "{}\n");
    const before = await snapshot();
    const { stderr, code } = await callOnFullDisk(0, args);
    expectFull(stderr, file);
    expect(code).toBe(1);
    expect(await snapshot()).toEqual(before);
  });

  it.each<[number, string]>([
    [0, "metrics.jsonl"],
    [1, "model.safetensors"],
    [2, "checkpoint.safetensors"],
    [3, "config.json"],
    [4, "training.json"],
    [5, "model.safetensors"],
  ])("after %i writes leaves a run that resumes as if nothing had happened", async (room, file) => {
    await brokenModel(
      "checkpoint.safetensors",
      changeMetadata((all) => ({ ...all, step: "1" })),
    );
    const resume = (name: string): Args => ["train", "@recipe.json", "--data", "@text.txt", "--out", name, "--resume"];
    await rm(at("twin"), { recursive: true, force: true });
    await cp(at("broken"), at("twin"), { recursive: true });
    const before = await readFile(join(at("broken"), file), "utf8");
    const { stderr, code } = await callOnFullDisk(room, resume("@broken"));
    expectFull(stderr, file);
    expect(code).toBe(1);
    expect(await readFile(join(at("broken"), file), "utf8")).toBe(before);
    for (const name of ["@broken", "@twin"]) expect((await call(resume(name))).code).toBe(0);
    for (const weights of [WEIGHTS, "checkpoint.safetensors"]) {
      expect(
        Buffer.compare(await readFile(join(at("broken"), weights)), await readFile(join(at("twin"), weights))),
      ).toBe(0);
    }
    expect(await readdir(at("broken"))).toEqual(await readdir(at("twin")));
  });

  it("is reported by name when a step cannot be logged", async () => {
    const run = await openRunFolder({ folder: at("gone"), config: parseRunConfig(tinyRun), resume: false });
    await rm(at("gone"), { recursive: true });
    const logged = run.log({ step: 1, loss: 1, gradientNorm: 1, learningRate: 1, tokensPerSecond: 1 });
    await expect(logged).rejects.toThrow(FileError);
    await expect(logged).rejects.toThrow(/gone\/metrics\.jsonl: cannot be written: ENOENT/);
  });

  /** Runs a command on a disk that has room for only this many files. */
  async function callOnFullDisk(room: number, args: Args): Promise<Ran> {
    const anyFile = await open("/dev/null");
    await anyFile.close();
    const handles = Object.getPrototypeOf(anyFile) as FileHandle;
    const { write } = handles;
    let left = room;
    vi.spyOn(handles, "write").mockImplementation(function (this: FileHandle, ...given: unknown[]) {
      if (left-- > 0) return Reflect.apply(write, this, given);
      return Promise.reject(Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" }));
    });
    const ran = await call(args);
    vi.restoreAllMocks();
    return ran;
  }

  function expectFull(stderr: string, file: string): void {
    const line = stderr.split("\n").find((candidate) => candidate.startsWith("error: ")) ?? "";
    expect(line.endsWith(`${file}: the disk is full; the old content is unchanged`), line).toBe(true);
    expect(stderr).not.toMatch(STACK);
  }
});

// --- internal ---

const WEIGHTS = "model.safetensors";
const STACK = /^\s+at /m;
type Tensors = ReturnType<typeof decodeSafetensors>["tensors"];
type Tensor = Tensors[string];

/** Fails unless the command ends with one line that says what is wrong, and changes no file. */
async function expectRefusal(args: Args, problem: RegExp): Promise<void> {
  const before = await snapshot();
  const { stdout, stderr, code } = await call(args);
  // A suggestion is on a separate line, and a run that reached its checkpoint has printed its size.
  const line = stderr.replace("\n(Did you mean", " (Did you mean").replace(/^[\d,]+ parameters, .*\n/, "");
  expect(line).toMatch(/^error: [^\n]+\n+$/);
  expect(line).toMatch(problem);
  expect(stdout).toBe("");
  expect(code).toBe(1);
  expect(await snapshot()).toEqual(before);
}

function call(args: Args): Promise<Ran> {
  return callCommand(...args.map((arg) => (arg.startsWith("@") ? at(arg.slice(1)) : arg)));
}

/** Every file below the folder and its content. */
async function snapshot(): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.map((entry) => ({ path: join(entry.parentPath, entry.name), isFile: entry.isFile() }));
  const contents = files.map(async ({ path, isFile }) => [
    path,
    isFile ? (await readFile(path)).toString("base64") : "folder",
  ]);
  return Object.fromEntries(await Promise.all(contents)) as Record<string, string>;
}

/** A copy of the model with one file replaced. */
async function brokenModel(file: string, change: (bytes: Uint8Array) => Uint8Array | string): Promise<void> {
  await rm(at("broken"), { recursive: true, force: true });
  await cp(at("model"), at("broken"), { recursive: true });
  const original = await readFile(join(at("model"), file));
  await writeFile(join(at("broken"), file), change(original));
}

function segment(segmentLength: unknown): Edit {
  return ({ model, training }) => ({ model: { ...model, segmentLength }, training });
}

/** Weights in whose header one text is replaced by another of the same length. */
function header(from: string, to: string): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => {
    const place = Buffer.from(bytes).indexOf(from);
    const changed = Buffer.from(bytes);
    changed.write(to, place);
    return changed;
  };
}

function edit(change: (tensors: Tensors) => Tensors): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => {
    const file = decodeSafetensors(bytes, "weights");
    return encodeSafetensors(change(file.tensors), file.metadata);
  };
}

function without<T>(record: Readonly<Record<string, T>>, key: string): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => name !== key));
}

function changeMetadata(
  change: (all: Readonly<Record<string, string>>) => Readonly<Record<string, string>>,
): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => {
    const file = decodeSafetensors(bytes, "checkpoint");
    return encodeSafetensors(file.tensors, change(file.metadata));
  };
}

function tensor(value: Tensor | undefined): Tensor {
  if (!value) throw new OptionError("there is no such tensor");
  return value;
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
