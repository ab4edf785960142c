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
export type { MemorizingConfig } from "./memorizing/config.ts";
export { memorizingMultiplications, memorizingParameters } from "./memorizing/cost.ts";
export { memorizingAttention, type MemorizingSegment, type MemorizingState } from "./memorizing/mixer.ts";
export type { MemorizingParams } from "./memorizing/params.ts";
export type { CompressiveConfig } from "./compressive/config.ts";
export { compressiveMultiplications, compressiveParameters } from "./compressive/cost.ts";
export { compressiveAttention, type CompressiveSegment, type CompressiveState } from "./compressive/mixer.ts";
export type { CompressiveParams } from "./compressive/params.ts";
export type { ChunkPlace, MixerResult, OpenState, SequenceMixer } from "./mixer.ts";
