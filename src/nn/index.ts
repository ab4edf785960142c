/** Layers that keep no state. */
export { feedForward, type FeedForwardParams } from "./feed-forward.ts";
export { applyRope, ropeTables, type RopeTables } from "./rope.ts";
export { countOf, initialize, type ParamRole, type ParamSpec } from "./spec.ts";
export { softplus } from "./softplus.ts";
export { storeWeight, type StoredWeight, type WeightStorage } from "./weight-storage.ts";
export { embed, linear, type AdaptedWeight, type Weight } from "./weight.ts";
