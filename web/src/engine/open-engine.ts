import { createWebEngine, type WebDevice, type WebEngine } from "infini-transformer/web";
import { RUNTIME_FILES } from "./runtime-files.ts";

/**
 * What computes: the device that was chosen, or else that of the library's choice. So it is too where the one that was chosen
 * once works no more, or its files cannot be had without a network.
 */
export async function openEngine(device: WebDevice | undefined): Promise<WebEngine> {
  const options = { assets: RUNTIME_FILES };
  if (device === undefined) return createWebEngine(options);
  return createWebEngine({ ...options, device }).catch(() => createWebEngine(options));
}
