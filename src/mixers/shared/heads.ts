import { reshape, transpose } from "../../graph/builder.ts";
import type { Shape } from "../../tensor/host-tensor.ts";
import type { Tensor } from "../../graph/tensor.ts";

/* Attention heads and their axes. K heads of keys and values serve G query heads each. */

/** [B, S*N, heads*d] -> [B, S, heads, N, d] */
export function splitHeads(x: Tensor, segments: number, heads: number): Tensor {
  const [B, T, width] = x.shape as unknown as [number, number, number];
  return transpose(reshape(x, [B, segments, T / segments, heads, width / heads]), [0, 1, 3, 2, 4]);
}

/** Heads [B, S, heads, N, d] side by side -> [B, S*N, heads*d] */
export function joinHeads(A: Tensor): Tensor {
  const [B, S, heads, N, d] = A.shape as unknown as [number, number, number, number, number];
  return reshape(transpose(A, [0, 1, 3, 2, 4]), [B, S * N, heads * d]);
}

/** [B, S*N, K*G*d] -> [B, S, K, G, N, d], for K groups of query heads. */
export function splitGroups(x: Tensor, segments: number, heads: number, groups: number): Tensor {
  const split = splitHeads(x, segments, heads);
  const [B, S, , N, d] = split.shape as unknown as [number, number, number, number, number];
  return reshape(split, [B, S, groups, heads / groups, N, d]);
}

/** Heads [B, S, K, G, N, d] side by side -> [B, S*N, K*G*d] */
export function mergeHeads(A: Tensor): Tensor {
  const [B, S, K, G, N, d] = A.shape as unknown as [number, number, number, number, number, number];
  return reshape(transpose(A, [0, 1, 4, 2, 3, 5]), [B, S * N, K * G * d]);
}

/** [.., G, C, n] -> [.., G*C, n]: the query heads of a group meet their shared head in one product. */
export function mergeGroups(x: Tensor): Tensor {
  const [groups, rows, columns] = x.shape.slice(-3) as unknown as [number, number, number];
  const shape: Shape = [...x.shape.slice(0, -3), groups * rows, columns];
  return reshape(x, shape);
}
