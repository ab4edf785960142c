/** What devices are called on the page. */
export const DEVICE_NAMES: Readonly<Record<string, string>> = {
  wasm: "WebAssembly",
  webgpu: "WebGPU",
};
