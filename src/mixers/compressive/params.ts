import { filledSpec, matrixSpec } from "../../nn/init.ts";
import type { ParamSpec } from "../../nn/spec.ts";
import { projectionSpecs, type ProjectionParams } from "../shared/projections.ts";
import type { CompressiveConfig } from "./config.ts";

/** Weights of a layer; K key/value heads, each for G = H / K query heads. */
export type CompressiveParams<T, W = T> = ProjectionParams<W> & {
  /** f_c: a convolution whose kernel is as long as its stride; trained by the auxiliary loss alone. */
  readonly compression: { readonly kernel: W; readonly bias: T }; // [D, r*D], [D]
};

/** `outputGain` scales the output projection. */
export function compressiveSpecs(config: CompressiveConfig, outputGain: number): CompressiveParams<ParamSpec> {
  const { modelDim: D, rate } = config;
  return {
    ...projectionSpecs(config, outputGain),
    compression: { kernel: matrixSpec("compression", rate * D, D), bias: filledSpec("bias", [D], 0) },
  };
}
