/** Models as pure functions, their configs and files. */
export { encodeWeights, loadModel } from "./checkpoint.ts";
export { parseModelConfig, type ModelConfig, type ModelConfigInput } from "./config.ts";
export {
  forwardFlops,
  keyValueCacheBytes,
  memoryFootprints,
  parameterCount,
  stateBytes,
  type MemoryFootprint,
} from "./cost.ts";
export { FAMILIES, familyOf } from "./families/index.ts";
export type { Family } from "./families/family.ts";
export { MODEL_FILES } from "./model-files.ts";
export { storeModel } from "./store-model.ts";
export {
  createModel,
  freshParams,
  type LoadedModel,
  type Model,
  type ModelParams,
  type StoredModel,
} from "./transformer.ts";
