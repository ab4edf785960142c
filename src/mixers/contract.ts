import type { FloatTensor } from "../tensor/host-tensor.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Tree } from "../tensor/tree.ts";
import type { ParamSpec } from "../nn/spec.ts";

/** Where a chunk lies in the segment that each lane is reading. */
export interface ChunkPlace {
  /** Position of the first token of the chunk in the lane's segment, int32. */
  readonly offset: Tensor; // [B]
  /**
   * Tokens of the chunk that count, int32; the rest is padding. offset + length <= N, and 0 leaves a lane unchanged.
   */
  readonly length: Tensor; // [B]
}

/**
 * A layer that mixes a sequence over time, one segment of N tokens at a time.
 *
 * State is a value: passed in, returned, never hidden. The first axis of every leaf is the batch, and an
 * empty past is all zeros, so a lane is reset by zeroing it. There are two ways through a sequence, and they
 * give the same numbers: {@link apply} takes whole segments; {@link extend} takes part of one segment and
 * gives what goes into the open segment for the memory, and {@link commit} writes that segment to memory.
 */
export interface SequenceMixer {
  /** Its parameters; `outputGain` scales the last projection, which feeds the residual stream. */
  specs(outputGain: number): Tree<ParamSpec>;

  /** The state before the first token: all zeros. */
  initialState(batch: number): Tree<FloatTensor>;

  /** A segment with nothing in it yet: all zeros. */
  emptySegment(batch: number): Tree<FloatTensor>;

  /** x [B, S*N, D] -> y of the same shape. Throws GraphError when the length is not a whole number of segments. */
  apply(params: Tree<Tensor>, x: Tensor, state: Tree<Tensor>): MixerResult;

  /**
   * x [B, C, D], C <= N, inside one segment of each lane -> y of the same shape, and the rows [B, .., C, n] to write
   * into each leaf [B, .., N, n] of the open segment, starting at the lane's place. Rows of padding must not be read.
   */
  extend(params: Tree<Tensor>, x: Tensor, state: OpenState, place: ChunkPlace): ExtendResult;

  /**
   * The state after the open segment, which must be full; the caller leaves out lanes where it is not, see lanes.ts.
   */
  commit(params: Tree<Tensor>, state: OpenState): Tree<Tensor>;
}

export interface MixerResult {
  readonly y: Tensor;
  readonly state: Tree<Tensor>;
  /**
   * How strongly each token touches the memory, before clipping to 0..1 [B, T, choices], from mixers that choose; from
   * `apply` only.
   */
  readonly writeWish?: Tensor;
  /**
   * The mixer's own loss, a scalar summed over all tokens; training adds its mean to the loss. From `apply` only.
   */
  readonly auxiliary?: Tensor;
}

/** What tokens inside a segment leave. */
export interface ExtendResult extends Pick<MixerResult, "y" | "state"> {
  /**
   * With the names of the open segment's leaves [.., N, n], the rows [.., C, n] of the C tokens, which go there from
   * `offset` on.
   */
  readonly rows: Tree<Tensor>;
}

/** A state in the middle of a segment. */
export interface OpenState {
  readonly state: Tree<Tensor>;
  readonly segment: Tree<Tensor>;
}
