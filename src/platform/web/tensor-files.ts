import { memoryReader, openSafetensors } from "../../tensor/safetensors.ts";
import { openShards } from "../../tensor/shards.ts";
import type { TensorSource } from "../../tensor/source.ts";
import { fetchFile } from "./fetch-file.ts";

/**
 * The tensors of a safetensors file on a web server, which is fetched as a whole: servers and caches keep whole files. The tensors are
 * views of it.
 *
 * @throws {Error} when it cannot be fetched; SafetensorsError when it is broken.
 */
export async function fetchTensorFile(url: URL): Promise<TensorSource> {
  return openSafetensors(memoryReader(await fetchFile(url)), url.href);
}

/** The tensors of the files that an index names, which are in the same folder. Throws as {@link fetchTensorFile}. */
export async function fetchTensorIndex(url: URL): Promise<TensorSource> {
  const index = JSON.parse(new TextDecoder().decode(await fetchFile(url))) as unknown;
  return openShards(index, (name) => fetchTensorFile(new URL(encodeURIComponent(name), url)), url.href);
}
