import { add, cast, less, mul, reshape, scalar, sigmoid, sub } from "../../graph/builder.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { tokensBefore } from "../shared/segments.ts";
import type { WriteStrength } from "./config.ts";

/**
 * Eq. 10: A = sigmoid(beta) A_mem + (1 - sigmoid(beta)) A_dot. While the memory is empty the gate is shut and the
 * output purely local; the paper leaves that case open.
 *
 * @param fromMemory [B, S, K, G, C, d], as is `local`
 * @param beta [B or 1, S or 1, K, G, C or 1, 1]
 * @param past [B, S], see {@link pastOf}
 */
export function mixByGate(fromMemory: Tensor, local: Tensor, beta: Tensor, past: Tensor): Tensor {
  const gate = mul(sigmoid(beta), reshape(past, [...past.shape, 1, 1, 1, 1])); // [B, S, K, G, C or 1, 1]
  return add(local, mul(gate, sub(fromMemory, local)));
}

/** 1 where there is a segment before, 0 where there is none: [B, S] for S segments after `written` [B]. */
export function pastOf(written: Tensor, segments: number): Tensor {
  const held = tokensBefore(written, segments, 1); // counted in segments
  return cast(less(scalar(0), held), "float32");
}

/** A strength before it is clipped to 0..1: the hard sigmoid is clip(x / 6 + 1 / 2, 0, 1). */
export function unclippedStrength(x: Tensor, kind: WriteStrength): Tensor {
  return kind === "sigmoid" ? sigmoid(x) : add(mul(x, 1 / 6), 0.5);
}
