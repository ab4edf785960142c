import type { FloatTensor } from "../../tensor/host-tensor.ts";
import type { Tensor } from "../../graph/tensor.ts";

/**
 * Glossary, as in the paper:
 * M [B, K, f, d]  memory of each key/value head; rows belong to features of keys, columns to values
 * z [B, K, f]     sum of all keys written
 * Q, K, V         queries [B, S, K, R, f] (R rows: all queries of the group), keys [B, S, K, N, f], values
 *                 [B, S, K, N, d]; queries and keys after the feature map sigma
 */
export type MemoryState<T> = {
  readonly M: T;
  /** Absent where the rule does without it. */
  readonly z?: T;
};

/** How strongly each token touches the memory, in 0..1, each [B, S, K, N, 1]. */
export type Strengths<T> = {
  readonly write: T;
  /** How much of what is stored along its key a token erases; as `write` where it is left out. */
  readonly erase?: T;
  /** How much of everything a token forgets; nothing where it is left out. */
  readonly forget?: T;
};

/** What S segments write. */
export interface Writes {
  readonly keys: Tensor; // [B, S, K, N, f]
  readonly values: Tensor; // [B, S, K, N, d]
  /** For rules that choose. */
  readonly strengths?: Strengths<Tensor>;
}

export interface MemoryShape {
  readonly batch: number;
  readonly heads: number; // K
  readonly featureDim: number; // f
  readonly valueDim: number; // d
}

/** A memory that is read before, and written after, each segment. */
export interface MemoryRule {
  /** Whether keys and queries must have unit length. */
  readonly unitKeys: boolean;
  /** Names of the strengths that the rule chooses for each token, if any. */
  readonly chooses: readonly (keyof Strengths<never>)[];

  initialState(shape: MemoryShape): MemoryState<FloatTensor>;

  /** The memory before each of S segments, with S as second axis, and the memory after the last. */
  write(state: MemoryState<Tensor>, writes: Writes): { before: MemoryState<Tensor>; after: MemoryState<Tensor> };

  /** A_mem [B, S, K, R, d] for queries [B, S, K, R, f], from the memory before each segment. */
  read(before: MemoryState<Tensor>, queries: Tensor, params: ReadParams): Tensor;
}

export interface ReadParams {
  /** Scale [d] of the norm on what is read, for rules that have one. */
  readonly readScale?: Tensor;
  readonly normEpsilon: number;
}
