import type { FloatTensor } from "../../graph/host-tensor.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { InfiniConfig } from "./config.ts";
import type { WriteParams } from "./params.ts";

/**
 * Glossary, as in the paper:
 * M [B, K, d, d]  memory of each key/value head; rows belong to keys, columns to values
 * z [B, K, d]     sum of all keys written
 * sigma           feature map of keys and queries
 * Q, K, V         queries [B, S, K, R, d] (R rows: all queries of the group), keys and values [B, S, K, N, d]
 */
export type MemoryState<T> = {
  readonly M: T;
  /** Absent where the rule does without it. */
  readonly z?: T;
};

/** What S segments write, before the feature map. */
export interface Writes {
  readonly keys: Tensor; // [B, S, K, N, d]
  readonly values: Tensor; // [B, S, K, N, d]
  /** How strongly each token is written, in (0, 1); only for rules that ask for it. */
  readonly strengths?: Tensor; // [B, S, K, N, 1]
}

/** A memory that is read before, and written after, each segment. */
export interface MemoryRule {
  initialState(config: InfiniConfig, batch: number): MemoryState<FloatTensor>;

  /** The memory before each of S segments, with S as second axis, and the memory after the last. */
  write(state: MemoryState<Tensor>, writes: Writes): { before: MemoryState<Tensor>; after: MemoryState<Tensor> };

  /** A_mem [B, S, K, R, d] for queries of that shape, from the memory before each segment. */
  read(before: MemoryState<Tensor>, queries: Tensor, params: ReadParams): Tensor;
}

export interface ReadParams {
  readonly write?: WriteParams<Tensor>;
  readonly normEpsilon: number;
}

/** Added to denominators, which are sums of positive features. */
export const DENOMINATOR_EPSILON = 1e-6;
