/** Layers that mix a sequence over time. */
export {
  MEMORY_UPDATES,
  WRITE_STRENGTHS,
  type InfiniConfig,
  type MemoryUpdate,
  type WriteStrength,
  FEATURE_MAPS,
  GATES,
  SHIFTS,
} from "./infini/config.ts";
export { infiniAttention, type InfiniSegment, type InfiniState } from "./infini/mixer.ts";
export type { InfiniParams } from "./infini/params.ts";
export type { ChunkPlace, MixerResult, OpenState, SequenceMixer } from "./mixer.ts";
