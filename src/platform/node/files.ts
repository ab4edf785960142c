import { InfiniError } from "../../base/errors.ts";
import { mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";

/** A file that cannot be read or written. The message names it and says what can be done. */
export class FileError extends InfiniError {
  override name = "FileError";
  readonly code = "ERR_FILE";
}

/** Suffix of a file that is being written. */
export const UNFINISHED = ".tmp";

/** Bytes that come in parts. */
export type Parts = AsyncIterable<Uint8Array>;

/**
 * Replaces a file as a whole or leaves it unchanged: no reader ever sees half of it. Anything but an ordinary file,
 * such as `/dev/stdout`, is written to directly. Throws {@link FileError}.
 */
export async function writeAtomically(file: string, content: string | Uint8Array | Parts): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true });
    if (await isDevice(file)) await writeAll(file, partsOf(content));
    else await replaceFile(file, partsOf(content));
  } catch (cause) {
    if (cause instanceof InfiniError) throw cause; // from the source of the parts
    const full = isNodeError(cause) && cause.code === "ENOSPC";
    throw new FileError(
      `${file}: ${full ? "the disk is full; the old content is unchanged" : `cannot be written: ${reason(cause)}`}`,
      { cause },
    );
  }
}

/** The bytes of a file. Throws {@link FileError} when it cannot be read. */
export async function readBytes(file: string): Promise<Uint8Array> {
  return readFile(file).catch((cause: unknown) => {
    const missing = isNodeError(cause) && cause.code === "ENOENT";
    throw new FileError(`${file}: ${missing ? "there is no such file" : `cannot be read: ${reason(cause)}`}`, {
      cause,
    });
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

/** A value as the text of a JSON file. */
export function toJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** The message of an error. */
export function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

// --- internal ---

/** The operating system writes at most this much at a time. */
const MOST_BYTES = 1 << 30;

async function* partsOf(content: string | Uint8Array | Parts): Parts {
  if (typeof content === "string") yield new TextEncoder().encode(content);
  else if (content instanceof Uint8Array) yield content;
  else yield* content;
}

/** Writes a new file next to it first. One left by a killed process is overwritten the next time. */
async function replaceFile(file: string, parts: Parts): Promise<void> {
  const beside = file + UNFINISHED;
  try {
    await writeAll(beside, parts);
    await rename(beside, file);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}

/** A nearly full disk writes a part and reports no error, so this repeats until everything is written. */
async function writeAll(file: string, parts: Parts): Promise<void> {
  const handle = await open(file, "w");
  try {
    for await (const bytes of parts) {
      for (let done = 0; done < bytes.length;) {
        const { bytesWritten } = await handle.write(bytes, done, Math.min(bytes.length - done, MOST_BYTES));
        done += bytesWritten;
      }
    }
    if ((await handle.stat()).isFile()) await handle.sync();
  } finally {
    await handle.close();
  }
}

async function isDevice(file: string): Promise<boolean> {
  const info = await stat(file).catch(() => undefined);
  return info !== undefined && !info.isFile() && !info.isDirectory();
}

function isNodeError(cause: unknown): cause is NodeJS.ErrnoException {
  return cause instanceof Error && "code" in cause;
}
