/** Streams: sessions that read text, and text that is generated. */
export { askAside, type AskOptions } from "./ask-aside.ts";
export { generate, type GenerateOptions } from "./generate.ts";
export { lookInside, type HeadLook, type LookOptions, type SegmentLook } from "./look.ts";
export { standaloneSegment, type Output } from "./programs.ts";
export { LogitsError, mostLikely, sampleToken, type SamplingOptions } from "./sampler.ts";
export { decodeLaneState, encodeLaneState, type LaneState } from "./lane-state.ts";
export { SessionError, type LaneTokens } from "./lane-tokens.ts";
export { type Lanes, type LanesOptions, type ReadOptions, type Snapshot } from "./lanes.ts";
export { createRuntime, type Runtime, type RuntimeOptions } from "./runtime.ts";
export { createSession, type Session, type SessionOptions } from "./session.ts";
