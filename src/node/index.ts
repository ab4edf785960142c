/** What needs Node: the file system, and ONNX Runtime as a native library. */
export { createNodeEngine, NODE_DEVICES, type NodeDevice, type NodeEngineOptions } from "../engine/ort-node.ts";
export { readCorpus, readText } from "./corpus.ts";
export { DatasetError, SPLITS, type Split } from "./datasets/dataset.ts";
export { DATASETS, prepareDataset, prepareFolder, type FolderOptions, type PackageOptions } from "./datasets/index.ts";
export type { DatasetReport } from "./datasets/write.ts";
export { FileError, readBytes, readJson, toJson, writeAtomically } from "./files.ts";
export { loadModelFolder, MODEL_FILES } from "./model-folder.ts";
export { loadTokenizer } from "./tokenizer-file.ts";
