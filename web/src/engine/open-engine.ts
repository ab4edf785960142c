import { createWebEngine, type WebDevice, type WebEngine } from "infini-transformer/web";
import { RUNTIME_FILES } from "./runtime-files.ts";

/**
 * The engine: on the chosen device, or on the one that the library chooses, which is also used when the chosen device no longer
 * works or its files cannot be fetched.
 */
export async function openEngine(device: WebDevice | undefined): Promise<WebEngine> {
  const options = { assets: RUNTIME_FILES };
  if (device === undefined) return createWebEngine(options);
  return createWebEngine({ ...options, device }).catch(() => createWebEngine(options));
}
