import { existsSync } from "node:fs";
import { mkdir, mkdtemp, open, readdir, readFile, rm, stat, writeFile, type FileHandle } from "node:fs/promises";
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
  it("writes text and bytes, creates folders, and replaces existing files", async () => {
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
    ["ENOSPC", "the disk is full; the old content is unchanged"],
    ["EIO", "cannot be written: EIO: sorry"],
  ])("leaves the old file and nothing else when writing fails with %s", async (code, problem) => {
    await writeFile(file, "old");
    await failWith("write", code);
    await expectFailure(writeAtomically(file, new Uint8Array(1000)), problem);
    await expectFailure(writeAtomically(file, "new"), problem);
    vi.restoreAllMocks();
    expect(await readFile(file, "utf8")).toBe("old");
    expect(await readdir(folder)).toEqual(["state"]);
  });

  it("leaves the old file and nothing else when the new one does not reach the disk", async () => {
    await writeFile(file, "old");
    await failWith("sync", "ENOSPC");
    await expectFailure(writeAtomically(file, "new"), "the disk is full; the old content is unchanged");
    vi.restoreAllMocks();
    expect(await readFile(file, "utf8")).toBe("old");
    expect(await readdir(folder)).toEqual(["state"]);
  });

  it("continues when the system writes only a part", async () => {
    const handles = await handlePrototype();
    const { write } = handles;
    vi.spyOn(handles, "write").mockImplementation(function (this: FileHandle, ...[data, offset]: unknown[]) {
      return Reflect.apply(write, this, [data, offset, Math.min(10, (data as Uint8Array).length - Number(offset))]);
    });
    const bytes = Uint8Array.from({ length: 1005 }, (_, i) => i % 251);
    await writeAtomically(file, bytes);
    vi.restoreAllMocks();
    expect(Uint8Array.from(await readFile(file))).toEqual(bytes);
  });

  it.runIf(existsSync("/dev/full"))("writes to a device directly, and says when it is full", async () => {
    await expectFailure(writeAtomically("/dev/full", "new"), "/dev/full: the disk is full");
    await writeAtomically("/dev/null", "new");
    expect((await stat("/dev/null")).isCharacterDevice()).toBe(true);
  });

  it("leaves nothing at all where there was no file", async () => {
    await failWith("write", "ENOSPC");
    await expectFailure(writeAtomically(file, "new"), "the disk is full; the old content is unchanged");
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

async function failWith(step: "write" | "sync", code: string): Promise<void> {
  vi.spyOn(await handlePrototype(), step).mockRejectedValue(Object.assign(new Error(`${code}: sorry`), { code }));
}

/** What all open files share. */
async function handlePrototype(): Promise<FileHandle> {
  const handle = await open("/dev/null");
  await handle.close();
  return Object.getPrototypeOf(handle) as FileHandle;
}

async function expectFailure(promise: Promise<unknown>, problem: string | RegExp): Promise<void> {
  await expect(promise).rejects.toThrow(FileError);
  await expect(promise).rejects.toThrow(problem);
}
