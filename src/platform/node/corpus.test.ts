import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { readCorpus } from "./corpus.ts";
import { CorpusError } from "../../text/document.ts";

vi.mock("node:fs/promises", async (load) => {
  const actual = await load<typeof import("node:fs/promises")>();
  return { ...actual, readdir: vi.fn(actual.readdir) };
});

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "corpus-"));
});

afterEach(() => rm(folder, { recursive: true }));

describe("readCorpus", () => {
  it("reads folders recursively and in sorted order, and ignores other files", async () => {
    await write({
      "b.txt": "B",
      "a/z.txt": "Z",
      "a/c.jsonl": '{"text":"1"}\n\n{"text":"é","id":3}\r\n',
      "image.png": "x",
      "a.txt": "A",
    });
    expect(await read(folder)).toEqual([
      ["A", "a.txt"],
      ["1", "c.jsonl:1"],
      ["é", "c.jsonl:3"],
      ["Z", "z.txt"],
      ["B", "b.txt"],
    ]);
  });

  it("reads every document of a file", async () => {
    await write({ "many.jsonl": '{"text":"x"}\n'.repeat(200_000) });
    expect((await readCorpus([join(folder, "many.jsonl")])).length).toBe(200_000);
  });

  it("names a folder that contains one that cannot be read", async () => {
    await write({ "a.txt": "A", "locked/b.txt": "B" });
    const actual = vi.mocked(readdir).getMockImplementation();
    const denied = new Error("EACCES: permission denied, scandir 'locked'");
    vi.mocked(readdir).mockImplementation((path, options) =>
      typeof options === "object" && options?.recursive
        ? Promise.reject(denied)
        : (actual?.(path, options as never) as never),
    );
    await expect(readCorpus([folder])).rejects.toThrow(
      new CorpusError(`${folder}: a folder in it cannot be read: ${denied.message}`),
    );
    if (actual) vi.mocked(readdir).mockImplementation(actual);
  });

  it("reads files in the given order, whatever their names", async () => {
    await write({ "b.md": "B", "a.txt": "A" });
    expect(await read(join(folder, "b.md"), join(folder, "a.txt"))).toEqual([
      ["B", "b.md"],
      ["A", "a.txt"],
    ]);
  });

  it.each<[string, string | Uint8Array, RegExp]>([
    ["empty.txt", "", /empty\.txt: is empty/],
    ["zero.txt", "a\0b", /zero\.txt: holds binary data/],
    ["latin.txt", Uint8Array.of(0x63, 0xe9, 0x20), /latin\.txt: is not UTF-8/],
    ["syntax.jsonl", '{"text":"a"}\n{"text"', /syntax\.jsonl:2: is not JSON/],
    ["field.jsonl", '{"body":"a"}', /field\.jsonl:1: has no field "text"/],
    ["type.jsonl", '{"text":7}', /type\.jsonl:1: has no field "text"/],
    ["hollow.jsonl", '{"text":""}', /hollow\.jsonl:1: has no field "text" with text in it/],
    ["null.jsonl", "null", /null\.jsonl:1: has no field "text"/],
    ["blank.jsonl", "\n \n", /blank\.jsonl: has nothing but blank lines/],
  ])("refuses %s", async (name, content, problem) => {
    await write({ [name]: content });
    await expectRefusal([join(folder, name)], problem);
  });

  it("reads one split of a folder, and refuses the whole", async () => {
    await write({ "train/a.txt": "A", "validation/b.txt": "B", "test/c.txt": "C" });
    expect(await read(join(folder, "train"), join(folder, "test"))).toEqual([
      ["A", "a.txt"],
      ["C", "c.txt"],
    ]);
    await expectRefusal([folder], /holds what to train on and what to test; name .*train or .*validation or .*test$/);
  });

  it("refuses what is missing or has no text", async () => {
    await write({ "notes/image.png": "x" });
    await expectRefusal([join(folder, "gone.txt")], /gone\.txt: cannot be read/);
    await expectRefusal([join(folder, "notes")], /notes: no \.txt or \.jsonl file/);
    await expectRefusal([], /no data/);
  });
});

// --- internal ---

async function write(files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
}

async function read(...paths: string[]): Promise<[string, string][]> {
  const documents = await readCorpus(paths);
  return documents.map(({ name, tokens }) => [new TextDecoder().decode(tokens), name]);
}

async function expectRefusal(paths: string[], problem: RegExp): Promise<void> {
  const error: unknown = await readCorpus(paths).catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(CorpusError);
  expect((error as CorpusError).message).toMatch(problem);
}
