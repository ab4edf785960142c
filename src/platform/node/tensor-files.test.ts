import { mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { zeros } from "../../tensor/host-tensor.ts";
import { encodeSafetensors, SafetensorsError } from "../../tensor/safetensors.ts";
import { memorySource } from "../../tensor/source.ts";
import { SOURCE_METADATA, SOURCE_TENSORS, sourceSuite } from "../../tensor/source.suite.ts";
import { fetchTensorFile, fetchTensorIndex } from "../web/tensor-files.ts";
import { FileError } from "./files.ts";
import { openTensorFile, openTensorIndex, writeTensorFile } from "./tensor-files.ts";

const ENTRIES = Object.entries(SOURCE_TENSORS);
const INDEX = "model.safetensors.index.json";

let folder: string;
let server: Server;
const at = (name: string): string => join(folder, name);
const url = (name: string): URL => new URL(name, `http://localhost:${(server.address() as AddressInfo).port}/`);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tensors-"));
  await writeFile(at("whole.safetensors"), encodeSafetensors(SOURCE_TENSORS, SOURCE_METADATA));
  const parts = { "1 of 2.safetensors": ENTRIES.slice(0, 4), "2 of 2.safetensors": ENTRIES.slice(4) };
  const map: Record<string, string> = {};
  for (const [file, tensors] of Object.entries(parts)) {
    await writeFile(at(file), encodeSafetensors(Object.fromEntries(tensors), SOURCE_METADATA));
    for (const [name] of tensors) map[name] = file;
  }
  await writeFile(at(INDEX), JSON.stringify({ metadata: { total_size: 1 }, weight_map: map }));
  server = createServer((request, response) => {
    readFile(at(decodeURIComponent((request.url ?? "").slice(1)))).then(
      (bytes) => response.end(bytes),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => void server.listen(0, resolve));
});

afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true });
});

sourceSuite("a file", () => openTensorFile(at("whole.safetensors")));
sourceSuite("files that an index names", () => openTensorIndex(at(INDEX)));
sourceSuite("a file on a server", () => fetchTensorFile(url("whole.safetensors")));
sourceSuite("files on a server that an index names", () => fetchTensorIndex(url(INDEX)));
sourceSuite("a file that was written from a source", async () => {
  await writeTensorFile(at("copy.safetensors"), memorySource(SOURCE_TENSORS, SOURCE_METADATA));
  return openTensorFile(at("copy.safetensors"));
});

describe("openTensorFile", () => {
  it("reads no more than is requested", async () => {
    const big = { small: zeros([2]), big: zeros([1 << 20]) };
    await writeFile(at("big.safetensors"), encodeSafetensors(big));
    const source = await openTensorFile(at("big.safetensors"));
    expect((await source.read("small")).data.buffer.byteLength).toBe(8);
  });

  it.each([
    ["nothing there", "gone.safetensors", /gone\.safetensors: there is no such file/],
    ["a folder", ".", /is not a regular file/],
  ])("refuses %s", async (_, name, problem) => {
    await expectRefusal(openTensorFile(at(name)), FileError, problem);
  });

  it("refuses what never ends", async () => {
    await expectRefusal(openTensorFile("/dev/zero"), FileError, /^\/dev\/zero: is not a regular file$/);
  });

  it("refuses a file that is cut off, and one that has changed since", async () => {
    const bytes = encodeSafetensors({ w: zeros([4]) });
    await writeFile(at("short.safetensors"), bytes.subarray(0, bytes.length - 1));
    await expectRefusal(openTensorFile(at("short.safetensors")), SafetensorsError, /short\.safetensors: is cut off/);
    await writeFile(at("late.safetensors"), bytes);
    const source = await openTensorFile(at("late.safetensors"));
    await truncate(at("late.safetensors"), bytes.length - 8);
    await expectRefusal(source.read("w"), FileError, /late\.safetensors: has been changed since it was opened/);
  });
});

describe("openTensorIndex", () => {
  it("names a file that is missing", async () => {
    await writeFile(at("poor.json"), JSON.stringify({ weight_map: { w: "model-2.safetensors" } }));
    await expectRefusal(openTensorIndex(at("poor.json")), FileError, /model-2\.safetensors: there is no such file$/);
  });

  it("reads nothing outside its folder", async () => {
    await writeFile(at("evil.json"), JSON.stringify({ weight_map: { w: "../../etc/passwd" } }));
    await expectRefusal(
      openTensorIndex(at("evil.json")),
      SafetensorsError,
      /"\.\.\/\.\.\/etc\/passwd", which is not a file/,
    );
  });
});

describe("writeTensorFile", () => {
  it("holds one tensor at a time, and keeps the existing file when one cannot be read", async () => {
    await writeFile(at("kept.safetensors"), "before");
    const { infos, metadata } = memorySource(SOURCE_TENSORS);
    const read = vi.fn(async () => Promise.reject(new FileError("model: is gone")));
    await expectRefusal(
      writeTensorFile(at("kept.safetensors"), { infos, metadata, read }),
      FileError,
      /^model: is gone$/,
    );
    expect(read).toHaveBeenCalledTimes(1);
    expect(await readFile(at("kept.safetensors"), "utf8")).toBe("before");
  });
});

// --- internal ---

type ErrorClass = typeof FileError | typeof SafetensorsError;

async function expectRefusal(action: Promise<unknown>, type: ErrorClass, problem: RegExp): Promise<void> {
  const error: unknown = await action.catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(type);
  expect((error as Error).message).toMatch(problem);
}
