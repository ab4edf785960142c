import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DatasetError, type PackageSource } from "./dataset.ts";
import { writeFiles } from "./fixtures.ts";
import { openPackage, sha256Of, type ProgramRunner } from "./packages.ts";

const ARCHIVE = new TextEncoder().encode("an archive");
const npm: PackageSource = {
  manager: "npm",
  name: "@scope/texts",
  version: "1.2.3",
  sha256: { "scope-texts-1.2.3.tgz": sha256Of(ARCHIVE) },
  licence: "CC0-1.0",
};
const apt: PackageSource = {
  ...npm,
  manager: "apt",
  name: "texts",
  version: "1-1",
  sha256: { "texts_1-1_all.deb": sha256Of(ARCHIVE) },
};

let folder: string;
let calls: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "packages-"));
  calls = [];
});

afterEach(() => rm(folder, { recursive: true }));

describe("openPackage", () => {
  it("packs, checks and unpacks an npm package", async () => {
    const steps: string[] = [];
    const opened = await openPackage(npm, { folder, run: fake(), onStep: (step) => steps.push(step) });
    expect(opened.provenance).toEqual({
      name: "@scope/texts",
      version: "1.2.3",
      file: "scope-texts-1.2.3.tgz",
      sha256: sha256Of(ARCHIVE),
      known: true,
      licence: "CC0-1.0",
    });
    expect(await readFile(join(opened.folder, "text.txt"), "utf8")).toBe("text");
    expect(calls).toEqual([
      "npm pack @scope/texts@1.2.3 --ignore-scripts --silent",
      `tar -xzf ${join(folder, "scope-texts-1.2.3.tgz")} -C ${opened.folder}`,
    ]);
    expect(steps).toEqual(["downloading @scope/texts by npm", "unpacking scope-texts-1.2.3.tgz"]);
  });

  it("downloads a Debian package of whatever version is available, and reports it", async () => {
    const opened = await openPackage(apt, { folder, run: fake({ version: "2-1" }) });
    expect(opened.provenance).toMatchObject({ version: "2-1", file: "texts_2-1_all.deb", known: true });
    expect(calls[0]).toBe("apt-get --quiet download texts");
    expect(await readFile(join(opened.folder, "text.txt"), "utf8")).toBe("text");
  });

  it("accepts a package file instead, known or not", async () => {
    await writeFiles(folder, { "mine.deb": "other bytes" });
    const given = join(folder, "mine.deb");
    const { provenance } = await openPackage(apt, { folder: join(folder, "new"), given, run: fake() });
    expect(provenance).toMatchObject({ version: "1-1", file: "mine.deb", known: false });
    expect(calls.every((call) => call.startsWith("dpkg-deb "))).toBe(true);
  });

  it("accepts the folder that a package is unpacked in, without running any program", async () => {
    const opened = await openPackage(apt, { folder: join(folder, "new"), given: folder, run: fake() });
    expect(opened).toMatchObject({ folder, provenance: { version: undefined, known: false } });
    expect(calls).toEqual([]);
  });

  it.each<[string, PackageSource, FakeOptions, RegExp]>([
    ["npm is missing", npm, { missing: "npm" }, /^npm is needed to download @scope\/texts, and is not here$/],
    ["tar is missing", npm, { missing: "tar" }, /^tar is needed to unpack scope-texts-1\.2\.3\.tgz/],
    ["apt-get is missing", apt, { missing: "apt-get" }, /^apt-get is needed .* package texts.*--deb/],
    ["dpkg-deb is missing", apt, { missing: "dpkg-deb" }, /^dpkg-deb is needed .*give the folder with --deb$/],
    [
      "the download fails",
      apt,
      { failing: "apt-get" },
      /^apt-get --quiet failed: E: no such thing \(`apt-get update` may help; or give the package with --deb FILE\)$/,
    ],
    ["the archive is damaged", npm, { failing: "tar" }, /^tar -xzf failed: E: no such thing \(is it damaged\?\)$/],
    ["nothing was downloaded", npm, { nothing: true }, /^npm has left no \.tgz file of @scope\/texts$/],
    [
      "a known package has other bytes",
      { ...npm, sha256: { "scope-texts-1.2.3.tgz": "0".repeat(64) } },
      {},
      /scope-texts-1\.2\.3\.tgz: is not the package @scope\/texts that is known: SHA-256 is [0-9a-f]{64}, not 0{64}$/,
    ],
    ["the package is a different one", { ...apt, name: "books" }, {}, /^--deb: .* is the package texts, not books$/],
  ])("refuses when %s", async (_, source, options, problem) => {
    const error: unknown = await openPackage(source, { folder, run: fake(options) }).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(DatasetError);
    expect((error as DatasetError).message).toMatch(problem);
  });
});

// --- internal ---

interface FakeOptions {
  readonly version?: string;
  readonly missing?: string;
  readonly failing?: string;
  readonly nothing?: boolean;
}

/** Programs that imitate the real ones for the packages above. */
function fake({ version = "1-1", missing, failing, nothing }: FakeOptions = {}): ProgramRunner {
  return async (program, args, where) => {
    calls.push([program, ...args].join(" "));
    if (program === missing) throw Object.assign(new Error("spawn ENOENT"), { code: "ENOENT" });
    if (program === failing)
      throw Object.assign(new Error("failed"), { code: 100, stderr: "W: hm\nE: no such thing\n" });
    if (program === "npm" && !nothing) await writeFiles(where, { "scope-texts-1.2.3.tgz": ARCHIVE });
    if (program === "apt-get") await writeFiles(where, { [`texts_${version}_all.deb`]: ARCHIVE });
    if (program === "tar" || args[0] === "--extract") await writeFiles(args.at(-1) ?? "", { "text.txt": "text" });
    return args[0] === "--show" ? `texts ${version}` : basename(where);
  };
}
