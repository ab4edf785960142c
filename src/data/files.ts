import { mkdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import writeFileAtomic from "write-file-atomic";

/** A file that cannot be read or written. The message names it and says what can be done. */
export class FileError extends Error {
  override name = "FileError";
}

/** Replaces a file as a whole, or leaves it as it was: nobody ever sees half of it. Throws {@link FileError}. */
export async function writeAtomically(file: string, content: string | Uint8Array): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFileAtomic(file, typeof content === "string" ? content : Buffer.from(content.buffer, content.byteOffset, content.byteLength));
  } catch (cause) {
    const full = isNodeError(cause) && cause.code === "ENOSPC";
    throw new FileError(`${file}: ${full ? "the disk is full; what stood there before is unharmed" : `cannot be written: ${reason(cause)}`}`, { cause });
  }
}

/** The bytes of a file. Throws {@link FileError} when it cannot be read. */
export async function readBytes(file: string): Promise<Uint8Array> {
  return readFile(file).catch((cause: unknown) => {
    const missing = isNodeError(cause) && cause.code === "ENOENT";
    throw new FileError(`${file}: ${missing ? "there is no such file" : `cannot be read: ${reason(cause)}`}`, { cause });
  });
}

/** The value in a JSON file. Throws {@link FileError}. */
export async function readJson(file: string): Promise<unknown> {
  const text = new TextDecoder().decode(await readBytes(file));
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FileError(`${file}: is not JSON: ${reason(cause)}`, { cause });
  }
}

/** A value as a JSON file would hold it. */
export function toJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

// --- internal ---

function isNodeError(cause: unknown): cause is NodeJS.ErrnoException {
  return cause instanceof Error && "code" in cause;
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
