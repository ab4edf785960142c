import { floatTensor, sizeOf, type FloatTensor, type Shape } from "../tensor/host-tensor.ts";
import type { Rng } from "../base/random.ts";

/** Draws from a normal distribution with mean zero. */
export function normal(shape: Shape, standardDeviation: number, rng: Rng): FloatTensor {
  const data = new Float32Array(sizeOf(shape));
  for (let i = 0; i < data.length; i++) data[i] = rng.normal() * standardDeviation;
  return floatTensor(shape, data);
}

/** A weight [in, out] that keeps the variance of its input, times `gain`. */
export function weight(inputs: number, outputs: number, rng: Rng, gain = 1): FloatTensor {
  return normal([inputs, outputs], gain / Math.sqrt(inputs), rng);
}
