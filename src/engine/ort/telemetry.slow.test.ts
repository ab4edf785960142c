import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, it } from "vitest";

let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "home-"));
});

afterEach(() => rm(home, { recursive: true }));

const PROGRAM = `
  const { createNodeEngine } = await import(${JSON.stringify(resolve("src/engine/ort/ort-node.ts"))});
  const { add, createGraph, input } = await import(${JSON.stringify(resolve("src/graph/index.ts"))});
  const { filled } = await import(${JSON.stringify(resolve("src/tensor/index.ts"))});
  const engine = await createNodeEngine({ threads: 1 });
  const program = await engine.compile(createGraph({ y: add(input("x", [2]), 1) }));
  const { y } = await program.run({ x: filled([2], 1) });
  await program.dispose();
  await new Promise((resolve) => setTimeout(resolve, 500)); // data to be sent is written to a file first
  process.stdout.write([...y.data].join());
`;

it("leaves no files of ONNX Runtime in the home folder or the folder for temporary files", async () => {
  const { ORT_DISABLE_TELEMETRY: _, ...env } = process.env;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--import", "tsx", "--input-type=module", "--eval", PROGRAM],
    { env: { ...env, HOME: home, TMPDIR: home, XDG_CACHE_HOME: join(home, ".cache") } },
  );
  expect(stdout).toBe("2,2");
  const files = await readdir(home, { recursive: true });
  expect(files.filter((file) => !file.startsWith("tsx-"))).toEqual([]); // those are of what runs TypeScript here
});
