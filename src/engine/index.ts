/** What runs graphs. The engines that need Node live in `infini-transformer/node`. */
export {
  DeviceError,
  FeedError,
  type CompileResident,
  type DeviceTensor,
  type Engine,
  type Program,
  type ResidentProgram,
  type ResidentResults,
} from "./engine.ts";
export { OPSET_VERSION, writeOnnx } from "./ort/onnx-writer.ts";
export { createReferenceEngine } from "./reference/reference.ts";
export { createStore, type Store } from "./store/store.ts";
