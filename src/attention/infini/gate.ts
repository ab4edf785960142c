import { add, cast, constant, less, max, min, mul, reshape, scalar, sigmoid, sub } from "../../graph/builder.ts";
import { floatTensor } from "../../graph/host-tensor.ts";
import { axisSize } from "../../graph/infer.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { InfiniConfig } from "./config.ts";

/**
 * Eq. 10: A = sigmoid(beta) A_mem + (1 - sigmoid(beta)) A_dot, one beta for each head. While the memory is
 * empty the gate is shut and the output purely local; the paper leaves that case open.
 *
 * @param fromMemory [B, S, K, G, C, d], as is `local`
 * @param beta [K*G]
 * @param written [B], segments that the memory holds before the first of the S
 */
export function mixByGate(fromMemory: Tensor, local: Tensor, beta: Tensor, written: Tensor): Tensor {
  const [batch, segments, heads, group] = [0, 1, 2, 3].map((axis) => axisSize(local.shape, axis));
  const before = Float32Array.from({ length: segments ?? 0 }, (_, s) => s);
  const held = add(reshape(written, [batch ?? 1, 1]), constant(floatTensor([before.length], before))); // [B, S]
  const open = reshape(cast(less(scalar(0), held), "float32"), [batch ?? 1, segments ?? 1, 1, 1, 1, 1]);
  const gate = mul(reshape(sigmoid(beta), [heads ?? 1, group ?? 1, 1, 1]), open); // [B, S, K, G, 1, 1]
  return add(local, mul(gate, sub(fromMemory, local)));
}

/** beta_t in [0, 1] of the token-delta rule; the hard sigmoid is clip(x / 6 + 1 / 2, 0, 1). */
export function writeStrength(x: Tensor, { memory }: InfiniConfig): Tensor {
  return memory.writeStrength === "sigmoid" ? sigmoid(x) : min(max(add(mul(x, 1 / 6), 0.5), 0), 1);
}
