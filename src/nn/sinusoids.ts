import { floatTensor, type FloatTensor } from "../tensor/host-tensor.ts";

/**
 * Sinusoids of positions or distances (arXiv 1706.03762), all sines before all cosines as in Transformer-XL: row i is
 * sin(p w_j) for j < dim/2, then cos(p w_j), for p = positions[i] and w_j = 10000^(-2j/dim). `dim` is even.
 */
export function sinusoids(positions: readonly number[], dim: number): FloatTensor {
  const half = dim / 2;
  const data = Float32Array.from({ length: positions.length * dim }, (_, i) => {
    const [position = 0, column] = [positions[Math.floor(i / dim)], i % dim];
    const angle = position * BASE ** (-(column % half) / half);
    return column < half ? Math.sin(angle) : Math.cos(angle);
  });
  return floatTensor([positions.length, dim], data);
}

// --- internal ---

const BASE = 10_000;
