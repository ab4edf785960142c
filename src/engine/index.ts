/** What runs graphs. The engines that need Node live in `infini-transformer/node`. */
export { DeviceError, FeedError, type Engine, type Program } from "./engine.ts";
export { OPSET_VERSION, writeOnnx } from "./onnx-writer.ts";
export { createReferenceEngine } from "./reference.ts";
