import type { Rng } from "../base/random.ts";
import { filled, floatTensor, sizeOf, type FloatTensor, type Shape } from "../tensor/host-tensor.ts";
import { paramSpec, type ParamRole, type ParamSpec } from "./spec.ts";

/* Specs of parameters by their initial values; `label` names the fork of the random source that draws them. */

/** A matrix [outputs, inputs] that keeps the variance of its input, times `gain`. */
export function matrixSpec(label: string, inputs: number, outputs: number, gain = 1): ParamSpec {
  // Drawn input by input, so that seeds still give the weights that they gave when matrices were stored that way.
  return paramSpec("matrix", [outputs, inputs], (rng) =>
    transposed(normal([inputs, outputs], gain / Math.sqrt(inputs), rng.fork(label))),
  );
}

/** Draws from a normal distribution with mean zero. */
export function gaussianSpec(label: string, role: ParamRole, shape: Shape, standardDeviation: number): ParamSpec {
  return paramSpec(role, shape, (rng) => normal(shape, standardDeviation, rng.fork(label)));
}

/** The same value everywhere. */
export function filledSpec(role: ParamRole, shape: Shape, value: number): ParamSpec {
  return paramSpec(role, shape, () => filled(shape, value));
}

/** The matrix [columns, rows] of a matrix [rows, columns]. */
export function transposed({ shape, data }: FloatTensor): FloatTensor {
  const [rows = 0, columns = 0] = shape;
  const turned = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      turned[column * rows + row] = data[row * columns + column] ?? 0;
    }
  }
  return floatTensor([columns, rows], turned);
}

// --- internal ---

function normal(shape: Shape, standardDeviation: number, rng: Rng): FloatTensor {
  const data = new Float32Array(sizeOf(shape));
  for (let i = 0; i < data.length; i++) data[i] = rng.normal() * standardDeviation;
  return floatTensor(shape, data);
}
