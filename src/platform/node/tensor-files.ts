import { open, stat, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import { encodeSource, openSafetensors, type ByteReader } from "../../tensor/safetensors.ts";
import { openShards } from "../../tensor/shards.ts";
import type { TensorSource } from "../../tensor/source.ts";
import { FileError, readJson, reason, writeAtomically } from "./files.ts";

/**
 * The tensors of a safetensors file, each read from its place when it is requested. Throws FileError when it cannot be
 * read or is not a regular file, SafetensorsError when its header does not fit it.
 */
export async function openTensorFile(file: string): Promise<TensorSource> {
  return openSafetensors(await fileReader(file), file);
}

/**
 * The tensors of the files that an index names, such as `model.safetensors.index.json`, which are in the same folder. Throws as
 * {@link openTensorFile}, and SafetensorsError when the index does not fit its files.
 */
export async function openTensorIndex(file: string): Promise<TensorSource> {
  return openShards(await readJson(file), (name) => openTensorFile(join(dirname(file), name)), file);
}

/** Writes tensors to a safetensors file, one at a time; it replaces an existing file as a whole. Throws FileError. */
export function writeTensorFile(file: string, source: TensorSource): Promise<void> {
  return writeAtomically(file, encodeSource(source));
}

// --- internal ---

/** The operating system reads at most this much at a time. */
const MOST_BYTES = 1 << 30;

async function fileReader(file: string): Promise<ByteReader> {
  const first = await regularFile(file);
  return {
    size: first.size,
    async read(begin, end) {
      const now = await regularFile(file);
      if (now.size !== first.size || now.mtimeMs !== first.mtimeMs)
        throw new FileError(`${file}: has been changed since it was opened`);
      return withFile(file, (handle) => readRange(handle, begin, end));
    },
  };
}

async function regularFile(file: string): Promise<{ size: number; mtimeMs: number }> {
  const info = await stat(file).catch((cause: unknown) => fail(file, cause));
  if (!info.isFile()) throw new FileError(`${file}: is not a regular file`);
  return info;
}

async function withFile<T>(file: string, use: (handle: FileHandle) => Promise<T>): Promise<T> {
  try {
    const handle = await open(file);
    try {
      return await use(handle);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    return fail(file, cause);
  }
}

async function readRange(handle: FileHandle, begin: number, end: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(end - begin);
  for (let done = 0; done < bytes.length;) {
    const length = Math.min(MOST_BYTES, bytes.length - done);
    const { bytesRead } = await handle.read(bytes, done, length, begin + done);
    if (bytesRead === 0) throw new Error("it ends early");
    done += bytesRead;
  }
  return bytes;
}

function fail(file: string, cause: unknown): never {
  const missing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
  throw new FileError(`${file}: ${missing ? "there is no such file" : `cannot be read: ${reason(cause)}`}`, { cause });
}
