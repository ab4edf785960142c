import { isUtf8 } from "node:buffer";
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { CorpusError, type Document } from "../data/document.ts";
import { reason } from "./files.ts";

/**
 * Reads text files, JSONL files (one document a line, in its field `text`) and folders of both, in sorted
 * order. Throws {@link CorpusError} for a path that is missing, empty or not UTF-8 text, or has no text in it.
 */
export async function readCorpus(paths: readonly string[]): Promise<Document[]> {
  const documents: Document[] = [];
  for (const path of paths) {
    const files = await textFiles(path);
    if (files.length === 0) throw new CorpusError(`${path}: no .txt or .jsonl file in this folder`);
    for (const file of files) documents.push(...(await readDocuments(file)));
  }
  if (documents.length === 0) throw new CorpusError("no data: name at least one file or folder");
  return documents;
}

/** Reads one text file. Throws {@link CorpusError} when it is missing, empty or not UTF-8 text. */
export async function readText(file: string): Promise<Uint8Array> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new CorpusError(`${file}: cannot be read: ${reason(cause)}`, { cause });
  });
  checkText(bytes, file);
  return bytes;
}

/** Throws {@link CorpusError} unless the bytes are text, and not none at all. */
export function checkText(bytes: Uint8Array, source: string): void {
  if (bytes.length === 0) throw new CorpusError(`${source}: is empty`);
  if (bytes.includes(0)) throw new CorpusError(`${source}: holds binary data, not text`);
  if (!isUtf8(bytes)) throw new CorpusError(`${source}: is not UTF-8 text`);
}

// --- internal ---

const TEXT_EXTENSIONS = [".txt", ".jsonl"];

async function textFiles(path: string): Promise<string[]> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new CorpusError(`${path}: cannot be read: ${reason(cause)}`, { cause });
  });
  if (!info.isDirectory()) return [path];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && TEXT_EXTENSIONS.includes(extname(entry.name)))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}

async function readDocuments(file: string): Promise<Document[]> {
  const tokens = await readText(file);
  if (extname(file) !== ".jsonl") return [{ name: basename(file), tokens }];
  const lines = new TextDecoder().decode(tokens).split("\n");
  const documents = lines.flatMap((line, i) =>
    line.trim() ? [{ name: `${basename(file)}:${i + 1}`, tokens: textField(line, `${file}:${i + 1}`) }] : [],
  );
  if (documents.length === 0) throw new CorpusError(`${file}: has nothing but blank lines`);
  return documents;
}

function textField(line: string, place: string): Uint8Array {
  const value = parseLine(line, place);
  if (typeof value === "object" && value !== null && "text" in value && typeof value.text === "string" && value.text) {
    return new TextEncoder().encode(value.text);
  }
  throw new CorpusError(`${place}: has no field "text" with text in it`);
}

function parseLine(line: string, place: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new CorpusError(`${place}: is not JSON`, { cause });
  }
}
