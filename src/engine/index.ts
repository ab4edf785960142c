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
export { OPSET_VERSION } from "./ort/emitters/emitter.ts";
export { writeOnnx } from "./ort/onnx-writer.ts";
export { ORT_TARGETS, STANDARD, type OnnxTarget } from "./ort/targets.ts";
export { createReferenceEngine } from "./reference/reference.ts";
export { createStore, type Store } from "./store/store.ts";
