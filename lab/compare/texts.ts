import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { smokeTexts } from "./smoke-texts.ts";
import type { Suite } from "./suites.ts";
import type { Comparison } from "./results.ts";
import type { Document } from "../../src/text/document.ts";
import { readCorpus } from "../../src/platform/node/corpus.ts";
import { UsageError } from "../../src/cli/terminal/errors.ts";

/** What a suite is trained and measured on. */
export interface SuiteTexts {
  readonly train: readonly Document[];
  /** The part of each document that the suite reads. */
  readonly validation: readonly Document[];
  readonly test: readonly Document[];
  readonly about: Comparison["texts"];
}

/**
 * The texts in the folders `train`, `validation` and `test` of a dataset. Throws {@link UsageError} if there is no
 * dataset, CorpusError if it is broken.
 */
export async function readSuiteTexts(suite: Suite, folder: string): Promise<SuiteTexts> {
  const splits = ["train", "validation", "test"].map((split) => join(folder, split));
  const missing = splits.find((split) => !existsSync(split));
  if (missing !== undefined) {
    throw new UsageError(
      `--data: there is no folder ${missing}; \`npm run lab -- data ${suite.name} --out ${folder}\` makes it`,
    );
  }
  const [train = [], validation = [], test = []] = await Promise.all(splits.map((split) => readCorpus([split])));
  return asTexts(suite, { train, validation, test });
}

/** Made-up texts for a suite that only shows that everything runs. */
export function makeSmokeTexts(suite: Suite): SuiteTexts {
  const bytes = suite.testBytes;
  return asTexts(suite, {
    train: smokeTexts(0, 4, 2 * bytes),
    validation: smokeTexts(1, 2, bytes),
    test: smokeTexts(2, 2, bytes),
  });
}

// --- internal ---

type Split = "train" | "validation" | "test";

function asTexts(suite: Suite, texts: Readonly<Record<Split, readonly Document[]>>): SuiteTexts {
  const share = Math.floor(suite.validationBytes / texts.validation.length);
  const read = {
    train: texts.train.flatMap((document) => partsOf(document, suite.partLength)),
    validation: beginnings(texts.validation, share),
    test: beginnings(texts.test, suite.testBytes),
  };
  const sizeOf = (documents: readonly Document[]): { documents: number; bytes: number } => ({
    documents: documents.length,
    bytes: documents.reduce((sum, { tokens }) => sum + tokens.length, 0),
  });
  return {
    ...read,
    about: {
      hash: hashOf({ ...texts, train: read.train }),
      train: sizeOf(texts.train),
      validation: sizeOf(read.validation),
      test: sizeOf(read.test),
    },
  };
}

/** A document in parts that are read as separate documents; the last takes the rest. */
function partsOf({ name, tokens }: Document, length: number): Document[] {
  return Array.from({ length: Math.ceil(tokens.length / length) }, (_, i) => ({
    name: `${name}:${i + 1}`,
    tokens: tokens.subarray(i * length, (i + 1) * length),
  }));
}

function beginnings(documents: readonly Document[], bytes: number): Document[] {
  return documents.map(({ name, tokens }) => ({ name, tokens: tokens.subarray(0, bytes) }));
}

function hashOf(texts: Readonly<Record<Split, readonly Document[]>>): string {
  const hash = createHash("sha256");
  for (const [split, documents] of Object.entries(texts))
    for (const { name, tokens } of documents) hash.update(`${split} ${name} ${tokens.length}\n`).update(tokens);
  return hash.digest("hex").slice(0, 16);
}
