/** What needs a browser: models from a web server, and ONNX Runtime as WebAssembly. The counterpart of `./node`. */
export {
  createWebEngine,
  WEB_DEVICES,
  type RuntimeFiles,
  type WebDevice,
  type WebEngine,
  type WebEngineOptions,
} from "../../engine/ort/ort-web.ts";
export { fetchModelFolder } from "./model-folder.ts";
export { fetchTensorFile, fetchTensorIndex } from "./tensor-files.ts";
