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
export type { GatedDeltaNetConfig } from "./gated-deltanet/config.ts";
export { gatedDeltaNetMultiplications } from "./gated-deltanet/cost.ts";
export { gatedDeltaNet, type GatedDeltaNetState } from "./gated-deltanet/mixer.ts";
export type { GatedDeltaNetParams } from "./gated-deltanet/params.ts";
export type { Mamba2Config } from "./mamba2/config.ts";
export { mamba2Multiplications } from "./mamba2/cost.ts";
export { mamba2, type Mamba2State } from "./mamba2/mixer.ts";
export type { Mamba2Params } from "./mamba2/params.ts";
export type { MemorizingConfig } from "./memorizing/config.ts";
export { memorizingMultiplications } from "./memorizing/cost.ts";
export { memorizingAttention, type MemorizingSegment, type MemorizingState } from "./memorizing/mixer.ts";
export type { MemorizingParams } from "./memorizing/params.ts";
export type { CompressiveConfig } from "./compressive/config.ts";
export { compressiveMultiplications } from "./compressive/cost.ts";
export { compressiveAttention, type CompressiveSegment, type CompressiveState } from "./compressive/mixer.ts";
export type { CompressiveParams } from "./compressive/params.ts";
export type { ChunkPlace, MixerResult, OpenState, SequenceMixer } from "./contract.ts";
export type { KeysAndValues } from "./shared/keys.ts";
export type { TransformerXlConfig } from "./transformer-xl/config.ts";
export { transformerXlMultiplications } from "./transformer-xl/cost.ts";
export { transformerXl, type TransformerXlSegment, type TransformerXlState } from "./transformer-xl/mixer.ts";
export type { TransformerXlParams } from "./transformer-xl/params.ts";
export type { WindowConfig } from "./window/config.ts";
export { windowMultiplications } from "./window/cost.ts";
export { fullAttention, windowAttention, type WindowSegment, type WindowState } from "./window/mixer.ts";
export type { WindowParams } from "./window/params.ts";
