import type { WebDevice } from "infini-transformer/web";

/** What devices are called on the page. */
export const DEVICE_NAMES: Readonly<Record<WebDevice, string>> = { wasm: "WebAssembly", webgpu: "WebGPU" };
