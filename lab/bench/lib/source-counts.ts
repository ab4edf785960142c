import type { Dirent } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import ts from "typescript";

/** Sizes of the source. */
export interface SourceCounts {
  readonly files: number;
  readonly lines: number;
  /** `value as Type`, without `as const`. */
  readonly casts: number;
}

/**
 * Counts the TypeScript in folders and their subfolders; a missing folder has none. Tests, their suites and their
 * fixtures are left out.
 */
export async function countSource(folders: readonly string[]): Promise<SourceCounts> {
  const found = await Promise.all(folders.map(entriesOf));
  const names = found.flat().filter(({ name }) => extname(name) === ".ts" && !TESTS.test(name));
  const texts = await Promise.all(names.map(({ parentPath, name }) => readFile(join(parentPath, name), "utf8")));
  return {
    files: texts.length,
    lines: texts.reduce((sum, text) => sum + text.split("\n").length - 1, 0),
    casts: texts.reduce((sum, text) => sum + countCasts(text), 0),
  };
}

// --- internal ---

async function entriesOf(folder: string): Promise<Dirent[]> {
  return readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
}

const TESTS = /\.(test|suite)\.ts$|^fixtures\.ts$/;

function countCasts(text: string): number {
  const count = (node: ts.Node): number => {
    let casts = ts.isAsExpression(node) && !ts.isConstTypeReference(node.type) ? 1 : 0;
    ts.forEachChild(node, (child) => {
      casts += count(child);
    });
    return casts;
  };
  return count(ts.createSourceFile("source.ts", text, ts.ScriptTarget.Latest));
}
