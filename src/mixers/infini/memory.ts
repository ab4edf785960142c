import { l2Normalize } from "../../graph/builder.ts";
import type { FloatTensor } from "../../tensor/host-tensor.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { InfiniConfig, MemoryUpdate } from "./config.ts";
import { correctedDeltaMemory, deltaMemory } from "./delta.ts";
import { featureMaps } from "./features.ts";
import { memoryHeads } from "./heads.ts";
import { linearMemory } from "./linear.ts";
import type { MemoryRule, MemoryState, Writes } from "./rule.ts";
import { gatedTokenDeltaMemory, tokenDeltaMemory } from "./token-rules.ts";

/** Every way to write and read a memory. */
export const memoryRules: { readonly [K in Exclude<MemoryUpdate, "none">]: MemoryRule } = {
  linear: linearMemory,
  delta: deltaMemory,
  "delta-corrected": correctedDeltaMemory,
  "token-delta": tokenDeltaMemory,
  "gated-token-delta": gatedTokenDeltaMemory,
};

/** Whether a rule chooses for each token how strongly it is written. */
export function choosesWrites(update: MemoryUpdate): boolean {
  return update !== "none" && memoryRules[update].chooses.length > 0;
}

/** What a memory learns besides the projections of the layer. */
export interface MemoryParams {
  /** Of the feature map [K, 1, 1], where it is tempered. */
  readonly temperature?: Tensor;
  /** Of the norm on what is read [d], where the rule has one. */
  readonly readScale?: Tensor;
}

/** A rule and a feature map together: keys and queries are plain [.., d]. */
export interface Memory {
  readonly chooses: MemoryRule["chooses"];
  initialState(batch: number): MemoryState<FloatTensor>;
  write(params: MemoryParams, state: MemoryState<Tensor>, writes: Writes): ReturnType<MemoryRule["write"]>;
  read(params: MemoryParams, before: MemoryState<Tensor>, queries: Tensor): Tensor;
}

/** The memory that a config asks for, if any. */
export function createMemory(config: InfiniConfig): Memory | undefined {
  const { headDim, normEpsilon, memory } = config;
  if (memory.update === "none") return undefined;
  const heads = memoryHeads(config).length;
  const [rule, map] = [memoryRules[memory.update], featureMaps[memory.featureMap]];
  const sigma = ({ temperature }: MemoryParams, x: Tensor): Tensor => {
    const features = map.apply(x, temperature);
    return rule.unitKeys && !map.unit ? l2Normalize(features) : features;
  };
  return {
    chooses: rule.chooses,
    initialState: (batch) => rule.initialState({ batch, heads, featureDim: map.dim(headDim), valueDim: headDim }),
    write: (params, state, writes) => rule.write(state, { ...writes, keys: sigma(params, writes.keys) }),
    read: (params, before, queries) =>
      rule.read(before, sigma(params, queries), {
        ...(params.readScale && { readScale: params.readScale }),
        normEpsilon,
      }),
  };
}
