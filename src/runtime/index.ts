/** Streams: sessions that read, and text that is written. */
export { generate, type GenerateOptions } from "./generate.ts";
export { lookInside, type HeadLook, type LookOptions, type SegmentLook } from "./look.ts";
export { standaloneSegment, type Output } from "./programs.ts";
export { LogitsError, mostLikely, sampleToken, type SamplingOptions } from "./sampler.ts";
export {
  createSession,
  SessionError,
  type LaneTokens,
  type Session,
  type SessionOptions,
  type Snapshot,
} from "./session.ts";
