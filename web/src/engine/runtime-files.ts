import type { RuntimeFiles, WebDevice } from "infini-transformer/web";
import gpuMjs from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url";
import gpuWasm from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url";
import mjs from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import wasm from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";

/** Where the bundler has put the WebAssembly files of ONNX Runtime. */
export const RUNTIME_FILES: Readonly<Record<WebDevice, RuntimeFiles>> = {
  wasm: { mjs: new URL(mjs, import.meta.url), wasm: new URL(wasm, import.meta.url) },
  webgpu: { mjs: new URL(gpuMjs, import.meta.url), wasm: new URL(gpuWasm, import.meta.url) },
};
