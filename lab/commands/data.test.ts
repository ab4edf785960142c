import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { writeFiles } from "../datasets/fixtures.ts";
import { callLab } from "../../src/cli/fixtures.ts";

let folder: string;
const at = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cli-data-"));
  await writeFiles(at("texts"), { "a.txt": "one", "b.txt": "two", "c.txt": "three", "d.jsonl": '{"text":"four"}\n' });
});

afterAll(() => rm(folder, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

describe("data", () => {
  it("divides a folder, and reports it as a table and as JSON", async () => {
    const ran = await callLab("data", "folder", "--from", at("texts"), "--out", at("out"), "--json", at("data.json"));
    expect(ran).toMatchObject({ code: 0, stderr: `reading ${at("texts")}\n` });
    expect(ran.stdout).toMatch(/^split: by document with seed 0/);
    expect(ran.stdout).toMatch(/│ train +│ 2 +│ \d+ B/);
    const report = await readFile(at("data.json"), "utf8");
    expect(report).toBe(await readFile(at("out/data.json"), "utf8"));
  });

  it("lists the datasets, with licences and requirements", async () => {
    const { stdout, code } = await callLab("data", "--list");
    expect(code).toBe(0);
    for (const name of ["books", "maths", "speeches", "folder"]) expect(stdout).toMatch(new RegExp(`^${name}: `, "m"));
    expect(stdout).toMatch(/from: hol-light .*, by apt-get and dpkg-deb\n {2}licence: BSD-2-Clause/);
    const { stdout: json } = await callLab("data", "--list", "--json", "-");
    expect((JSON.parse(json) as { name: string }[]).map(({ name }) => name)).toEqual(["books", "maths", "speeches"]);
  });

  it.each<[string, string[], RegExp]>([
    ["nothing is named", [], /name what to prepare: books, maths, speeches, folder/],
    ["a name is unknown", ["boks", "--out", "@new"], /"boks" is not a dataset \(did you mean "books"\?\)/],
    ["there is no output", ["books"], /--out: name a folder/],
    ["there is no input", ["folder", "--out", "@new"], /--from: name the folder of texts/],
    [
      "the input belongs to another dataset",
      ["books", "--out", "@new", "--from", "@texts"],
      /--from: is for folder, not for books/,
    ],
    [
      "a package belongs to another dataset",
      ["folder", "--out", "@new", "--from", "@texts", "--deb", "x"],
      /--deb: folder needs no/,
    ],
    ["the output is not empty", ["folder", "--from", "@texts", "--out", "@texts"], /--out: .*texts is not empty/],
    ["the package is missing", ["maths", "--out", "@new", "--deb", "@no.deb"], /no\.deb: there is no such file/],
  ])("is refused when %s", async (_, args, problem) => {
    const paths = args.map((arg) => (arg.startsWith("@") ? at(arg.slice(1)) : arg));
    const { stdout, stderr, code } = await callLab("data", ...paths);
    expect(stderr).toMatch(problem);
    expect(stderr).not.toMatch(/^ {4}at /m);
    expect({ stdout, code }).toEqual({ stdout: "", code: 1 });
  });

  it("says what is needed where apt-get is missing", async () => {
    vi.stubEnv("PATH", at("texts"));
    const { stderr, code } = await callLab("data", "maths", "--out", at("new"));
    expect(stderr).toMatch(/error: apt-get is needed to download the Debian package hol-light, .*--deb\n$/);
    expect(code).toBe(1);
  });
});
