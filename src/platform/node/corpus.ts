import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { CorpusError, type Document, type TextDocument } from "../../text/document.ts";
import { reason } from "./files.ts";

/**
 * Reads text files, JSONL files (one document per line, in the field `text`) and folders of both, in sorted order.
 * Throws {@link CorpusError} for a path that is missing, unreadable, empty or not UTF-8 text, or has no text in it, and
 * for a folder with splits, one of which must be named.
 */
export async function readCorpus(paths: readonly string[]): Promise<TextDocument[]> {
  const documents: TextDocument[] = [];
  for (const path of paths) {
    const files = await textFiles(path);
    if (files.length === 0) throw new CorpusError(`${path}: no .txt or .jsonl file in this folder`);
    for (const file of files) for (const document of await readDocuments(file)) documents.push(document);
  }
  if (documents.length === 0) throw new CorpusError("no data: name at least one file or folder");
  return documents;
}

/** SHA-256 of the tokens of documents in order, as 64 hexadecimal digits. */
export function hashDocuments(documents: readonly Pick<Document, "tokens">[]): string {
  const whole = createHash("sha256");
  for (const { tokens } of documents) whole.update(createHash("sha256").update(tokens).digest());
  return whole.digest("hex");
}

/** Reads one text file. Throws {@link CorpusError} when it is missing, empty or not UTF-8 text. */
export async function readText(file: string): Promise<Uint8Array> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new CorpusError(`${file}: cannot be read: ${reason(cause)}`, { cause });
  });
  checkText(bytes, file);
  return bytes;
}

/** Which of `train`, `validation` and `test` exist in a folder as folders: none unless there are two or more. */
export async function splitFoldersOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    throw new CorpusError(`${folder}: cannot be read: ${reason(cause)}`, { cause });
  });
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const splits = SPLIT_FOLDERS.filter((split) => names.includes(split));
  return splits.length > 1 ? splits : [];
}

/** Throws {@link CorpusError} unless the bytes are text, and not empty. */
export function checkText(bytes: Uint8Array, source: string): void {
  if (bytes.length === 0) throw new CorpusError(`${source}: is empty`);
  if (bytes.includes(0)) throw new CorpusError(`${source}: holds binary data, not text`);
  if (!isUtf8(bytes)) throw new CorpusError(`${source}: is not UTF-8 text`);
}

// --- internal ---

const TEXT_EXTENSIONS = [".txt", ".jsonl"];
const SPLIT_FOLDERS = ["train", "validation", "test"];

async function textFiles(path: string): Promise<string[]> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new CorpusError(`${path}: cannot be read: ${reason(cause)}`, { cause });
  });
  if (!info.isDirectory()) return [path];
  const splits = await splitFoldersOf(path);
  if (splits.length > 0) {
    const folders = splits.map((split) => join(path, split)).join(" or ");
    throw new CorpusError(`${path}: holds what to train on and what to test; name ${folders}`);
  }
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch((cause: unknown) => {
    throw new CorpusError(`${path}: a folder in it cannot be read: ${reason(cause)}`, { cause });
  });
  return entries
    .filter((entry) => entry.isFile() && TEXT_EXTENSIONS.includes(extname(entry.name)))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}

async function readDocuments(file: string): Promise<TextDocument[]> {
  const tokens = await readText(file);
  if (extname(file) !== ".jsonl") return [{ name: basename(file), tokens }];
  const documents: TextDocument[] = [];
  let number = 0;
  for (const line of linesOf(tokens)) {
    number += 1;
    if (line.trim()) {
      documents.push({ name: `${basename(file)}:${number}`, tokens: textField(line, `${file}:${number}`) });
    }
  }
  if (documents.length === 0) throw new CorpusError(`${file}: has nothing but blank lines`);
  return documents;
}

/** Line by line: a file may be longer than the longest string. */
function* linesOf(bytes: Uint8Array): Generator<string> {
  const decoder = new TextDecoder();
  for (let start = 0; start < bytes.length;) {
    const newline = bytes.indexOf(10, start);
    const end = newline < 0 ? bytes.length : newline;
    yield decoder.decode(bytes.subarray(start, end));
    start = end + 1;
  }
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
