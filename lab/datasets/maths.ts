import { readdir } from "node:fs/promises";
import { join, sep } from "node:path";
import { checkText } from "../../src/platform/node/corpus.ts";
import { readBytes } from "../../src/platform/node/files.ts";
import { splitDocuments, type Dataset, type TextFile } from "./dataset.ts";

/** Bytes of the shortest proof taken: shorter ones say little about a long memory. */
const SHORTEST = 50_000;

/**
 * Files that repeat others, nearly line by line, and would leak test text into training: lists of all theorems written
 * by a program, and a folder that repeats the geometry and topology of others.
 */
const COPIES = [/(^|_)database\.ml$/, /^RichterHilbertAxiomGeometry\//];

const SPLIT = { seed: 0, validation: 0.05, test: 0.05 };

/** Proofs checked by a proof assistant and written by people: lemmas return long after they were proved. */
export const maths: Dataset = {
  summary: "the proofs of HOL Light: formal mathematics in files of 50 kB to 1.7 MB",
  split: `files of at least ${SHORTEST} bytes, copies left out, in the order that seed 0 shuffles them to: 5 % test, 5 % validation, the rest train`,
  sources: [
    {
      manager: "apt",
      name: "hol-light",
      version: "20230128-1+b1",
      sha256: {
        "hol-light_20230128-1+b1_amd64.deb": "9e908b3bf1e689769deee58f85df1cfc89b95aef00dcca087d65c89cd9020dfe",
      },
      licence: "BSD-2-Clause",
    },
  ],
  async read(folder = "") {
    return splitDocuments(await readProofs(join(folder, "usr", "share", "hol-light")), SPLIT);
  },
};

// --- internal ---

async function readProofs(folder: string): Promise<TextFile[]> {
  const paths = (await readdir(folder, { recursive: true })).map((path) => path.split(sep).join("/"));
  const proofs: TextFile[] = [];
  for (const path of paths) {
    if (!path.endsWith(".ml") || COPIES.some((pattern) => pattern.test(path))) continue;
    const bytes = await readBytes(join(folder, path));
    if (bytes.length < SHORTEST) continue;
    checkText(bytes, path);
    proofs.push({ name: path.replace(/\.ml$/, "").replaceAll("/", "-"), bytes });
  }
  return proofs;
}
