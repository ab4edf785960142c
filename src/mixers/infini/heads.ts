import { concat, slice } from "../../graph/builder.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { InfiniConfig } from "./config.ts";

/*
 * A memory belongs to K' of the K key/value heads of a layer, and to the query heads that read them; the others attend
 * locally. Where it belongs to all of them, everything here gives back what it is given.
 */

/** The key/value heads that have the memory, ascending: all of them unless the config names some. */
export function memoryHeads({ numKeyValueHeads: K, memory }: InfiniConfig): readonly number[] {
  return memory.heads?.toSorted((a, b) => a - b) ?? Array.from({ length: K }, (_, head) => head);
}

/** The query heads that read the memory, ascending. */
export function readingHeads(config: InfiniConfig): readonly number[] {
  const group = config.numHeads / config.numKeyValueHeads;
  return memoryHeads(config).flatMap((head) => Array.from({ length: group }, (_, g) => head * group + g));
}

/** The config of a layer that has these heads alone. */
export function ofMemoryHeads(config: InfiniConfig): InfiniConfig {
  const { numHeads, numKeyValueHeads } = config;
  const heads = memoryHeads(config).length;
  return { ...config, numKeyValueHeads: heads, numHeads: (heads * numHeads) / numKeyValueHeads };
}

/** Those with the memory of the K heads along an axis -> K' heads. */
export function selectHeads(config: InfiniConfig, x: Tensor, axis: number): Tensor {
  const runs = runsOf(config);
  if (runs.every(({ hasMemory }) => hasMemory)) return x;
  const parts = runs.filter(({ hasMemory }) => hasMemory).map(({ from, to }) => slice(x, axis, from, to));
  return concat(parts, axis);
}

/** K heads along an axis, of which those with the memory are replaced by these K'. */
export function replaceHeads(config: InfiniConfig, all: Tensor, selected: Tensor, axis: number): Tensor {
  const runs = runsOf(config);
  if (runs.every(({ hasMemory }) => hasMemory)) return selected;
  let next = 0;
  const parts = runs.map(({ from, to, hasMemory }) => {
    if (!hasMemory) return slice(all, axis, from, to);
    const start = next;
    next += to - from;
    return slice(selected, axis, start, next);
  });
  return concat(parts, axis);
}

// --- internal ---

/** Neighbours that all have the memory or all have none: heads from .. to - 1. */
interface Run {
  readonly from: number;
  readonly to: number;
  readonly hasMemory: boolean;
}

function runsOf(config: InfiniConfig): Run[] {
  const heads = new Set(memoryHeads(config));
  const runs: Run[] = [];
  for (let head = 0; head < config.numKeyValueHeads; head++) {
    const hasMemory = heads.has(head);
    const last = runs.at(-1);
    if (last?.hasMemory === hasMemory) runs[runs.length - 1] = { ...last, to: head + 1 };
    else runs.push({ from: head, to: head + 1, hasMemory });
  }
  return runs;
}
