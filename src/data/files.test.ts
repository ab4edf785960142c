import fs from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FileError, readBytes, readJson, toJson, writeAtomically } from "./files.ts";

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "files-"));
  file = join(folder, "state");
});

afterEach(async () => {
  vi.restoreAllMocks();
  await rm(folder, { recursive: true });
});

describe("writeAtomically", () => {
  it("writes text and bytes, makes folders, and replaces what was there", async () => {
    const deep = join(folder, "a", "b", "state");
    await writeAtomically(deep, "first, and longer");
    expect(await readFile(deep, "utf8")).toBe("first, and longer");
    await writeAtomically(deep, Uint8Array.of(9, 1, 0, 255, 9).subarray(1, 4));
    expect([...(await readFile(deep))]).toEqual([1, 0, 255]);
    await writeAtomically(deep, "");
    expect((await stat(deep)).size).toBe(0);
    expect(await readdir(join(folder, "a", "b"))).toEqual(["state"]);
  });

  it.each([
    ["ENOSPC", "the disk is full; what stood there before is unharmed"],
    ["EIO", "cannot be written: EIO: sorry"],
  ])("leaves the old file and nothing else when writing fails with %s", async (code, problem) => {
    await writeFile(file, "old");
    failWith("write", code);
    await expectFailure(writeAtomically(file, new Uint8Array(1000)), problem);
    await expectFailure(writeAtomically(file, "new"), problem);
    vi.restoreAllMocks();
    expect(await readFile(file, "utf8")).toBe("old");
    expect(await readdir(folder)).toEqual(["state"]);
  });

  it.each(["fsync", "rename"] as const)("leaves the old file and nothing else when %s fails", async (step) => {
    await writeFile(file, "old");
    failWith(step, "ENOSPC");
    await expectFailure(writeAtomically(file, "new"), "the disk is full; what stood there before is unharmed");
    vi.restoreAllMocks();
    expect(await readFile(file, "utf8")).toBe("old");
    expect(await readdir(folder)).toEqual(["state"]);
  });

  // On a disk that has room for a part only, the system writes that part and reports no error.
  it.fails("does not take a part of the new file for the whole", async () => {
    await writeFile(file, "old");
    const { write } = fs;
    vi.spyOn(fs, "write").mockImplementation((...[fd, data, ...rest]: unknown[]) => {
      const part = typeof data === "string" ? data.slice(0, 10) : (data as Uint8Array).subarray(0, 10);
      const done = rest.at(-1);
      return Reflect.apply(
        write,
        fs,
        typeof data === "string" ? [fd, part, 0, "utf8", done] : [fd, part, 0, 10, 0, done],
      );
    });
    await writeAtomically(file, new Uint8Array(1000)).catch(() => {});
    vi.restoreAllMocks();
    expect([3, 1000]).toContain((await stat(file)).size);
  });

  it("leaves nothing at all where there was no file", async () => {
    failWith("write", "ENOSPC");
    await expectFailure(writeAtomically(file, "new"), "the disk is full; what stood there before is unharmed");
    vi.restoreAllMocks();
    expect(await readdir(folder)).toEqual([]);
  });

  it("names a place that cannot be written to", async () => {
    await writeFile(file, "old");
    await expectFailure(
      writeAtomically(join(file, "below"), "new"),
      /state\/below: cannot be written: (ENOTDIR|EEXIST)/,
    );
    await mkdir(join(folder, "taken"));
    await expectFailure(writeAtomically(join(folder, "taken"), "new"), /taken: cannot be written: EISDIR/);
    expect(await readFile(file, "utf8")).toBe("old");
  });
});

describe("readBytes and readJson", () => {
  it("read what was written", async () => {
    await writeAtomically(file, toJson({ a: [1, "ä"] }));
    expect(await readJson(file)).toEqual({ a: [1, "ä"] });
    expect(new TextDecoder().decode(await readBytes(file))).toBe('{\n  "a": [\n    1,\n    "ä"\n  ]\n}\n');
  });

  it("name the file that cannot be read", async () => {
    await expectFailure(readBytes(file), "state: there is no such file");
    await expectFailure(readBytes(folder), /cannot be read: EISDIR/);
    await writeFile(file, "{");
    await expectFailure(readJson(file), /state: is not JSON: /);
  });
});

// --- internal ---

function failWith(step: "write" | "fsync" | "rename", code: string): void {
  vi.spyOn(fs, step).mockImplementation((...args: unknown[]) => {
    (args.at(-1) as (error: Error) => void)(Object.assign(new Error(`${code}: sorry`), { code }));
  });
}

async function expectFailure(promise: Promise<unknown>, problem: string | RegExp): Promise<void> {
  await expect(promise).rejects.toThrow(FileError);
  await expect(promise).rejects.toThrow(problem);
}
