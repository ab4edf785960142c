/** What needs Node: the file system, and ONNX Runtime as a native library. */
export { createNodeEngine, NODE_DEVICES, type NodeDevice, type NodeEngineOptions } from "../../engine/ort/ort-node.ts";
export { readCorpus, readText } from "./corpus.ts";
export { FileError, readBytes, readJson, toJson, writeAtomically } from "./files.ts";
export { loadModelFolder, MODEL_FILES } from "./model-folder.ts";
export { openTensorFile, openTensorIndex, writeTensorFile } from "./tensor-files.ts";
export { loadTokenizer } from "./tokenizer-file.ts";
