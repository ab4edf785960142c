import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const run = promisify(execFile);
let folder = "";
let tarball = "";
let files: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "infini-pack-"));
  const { stdout } = await run("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", folder]);
  const [packed] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }];
  tarball = join(folder, packed.filename);
  files = packed.files.map(({ path }) => path);
}, 60_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

describe("the packed tarball", () => {
  it("holds the build, the model, its recipe and the licence, and no tests", () => {
    for (const file of [
      "dist/index.js",
      "dist/cli/main.js",
      "models/passkey/model.safetensors",
      "recipes/passkey.json",
      "LICENSE",
      "README.md",
    ]) {
      expect(files).toContain(file);
    }
    expect(files.filter((file) => /\.(test|suite)\./.test(file))).toEqual([]);
  });

  it("passes publint", async () => {
    const { stdout } = await run("npx", ["publint", "run", tarball, "--strict"]);
    expect(stdout).toContain("All good!");
  }, 60_000);

  it("has types that resolve for ES modules", async () => {
    const { stdout } = await run("npx", ["attw", tarball, "--profile", "esm-only", "--format", "ascii"]);
    const verdicts = stdout.split("\n").filter((line) => /^(node16 \(from ESM\)|bundler):/.test(line));
    expect(verdicts.length).toBeGreaterThan(20);
    for (const verdict of verdicts) expect(verdict).toContain("🟢");
  }, 60_000);
});
