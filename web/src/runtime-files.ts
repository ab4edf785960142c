import mjs from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import wasm from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";

/** Where the bundler has put the WebAssembly files of ONNX Runtime. */
export const RUNTIME_FILES = { mjs: new URL(mjs, import.meta.url), wasm: new URL(wasm, import.meta.url) };
