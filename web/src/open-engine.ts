import type { Engine } from "infini-transformer/engine";
import { createWebEngine, type WebDevice } from "infini-transformer/web";
import { RUNTIME_FILES } from "./runtime-files.ts";

/** What computes, on the device that was chosen or else that of the library's choice. */
export function openEngine(device: WebDevice | undefined): Promise<Engine> {
  return createWebEngine({ assets: RUNTIME_FILES, ...(device && { device }) });
}
