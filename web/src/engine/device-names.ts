import type { WebDevice } from "infini-transformer/web";

/** The names of devices on the page. */
export const DEVICE_NAMES: Readonly<Record<WebDevice, string>> = { wasm: "WebAssembly", webgpu: "WebGPU" };
