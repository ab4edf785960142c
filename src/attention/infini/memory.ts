import type { MemoryUpdate } from "./config.ts";
import { deltaMemory } from "./delta.ts";
import { linearMemory } from "./linear.ts";
import type { MemoryRule } from "./rule.ts";
import { tokenDeltaMemory } from "./token-delta.ts";

/** Every way to write and read the memory. */
export const memoryRules: { readonly [K in MemoryUpdate]: MemoryRule } = {
  linear: linearMemory,
  delta: deltaMemory,
  "token-delta": tokenDeltaMemory,
};
