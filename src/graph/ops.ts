import type { DType, HostTensor, Shape } from "../tensor/host-tensor.ts";

type None = Readonly<Record<string, never>>;
interface Axis {
  /** Counted from the outermost axis; never negative. */
  readonly axis: number;
}
interface Reduction {
  readonly axes: readonly number[];
  readonly keepAxes: boolean;
}

export interface SourceOps {
  input: { readonly name: string };
  constant: { readonly value: HostTensor };
}

/** Of one operand, or of several that broadcast as in NumPy. */
export interface ElementwiseOps {
  neg: None;
  exp: None;
  log: None;
  sqrt: None;
  sigmoid: None;
  tanh: None;
  elu: None;
  cast: { readonly to: DType };

  add: None;
  sub: None;
  mul: None;
  div: None;
  min: None;
  max: None;
  equal: None;
  less: None;
  where: None;
}

/** Over axes, or along the innermost one. */
export interface ReductionOps {
  sum: Reduction;
  mean: Reduction;
  cumulativeSum: Axis & { readonly exclusive: boolean; readonly reverse: boolean };
  softmax: None;
  logSoftmax: None;
  kthLargest: { readonly k: number };
}

export interface ProductOps {
  matmul: None;
  rotate: None;
}

export interface LayoutOps {
  transpose: { readonly permutation: readonly number[] };
  reshape: { readonly shape: Shape };
  broadcastTo: { readonly shape: Shape };
  concat: Axis;
  slice: Axis & { readonly start: number; readonly end: number };
  pad: Axis & { readonly before: number; readonly after: number };
}

/** Rows of a table. */
export interface RowOps {
  gather: None;
  scatterAdd: { readonly rows: number };
}

/** On matrices in blocks, see tensor/blocks.ts: their codes, scales and, where they have them, zero points. */
export interface BlockOps {
  dequantizeBlocks: None;
  matmulBlocks: None;
  gatherBlocks: None;
}

/** Operations with gradients in closed form. */
export interface CompositeOps {
  eluPlusOne: None;
  silu: None;
  rmsNorm: { readonly epsilon: number };
  l2Normalize: { readonly epsilon: number };
  softmaxMatmul: None;
  crossEntropy: None;
  linearCrossEntropy: { readonly rowsAtOnce: number };
  stopGradient: None;
  unitLowerInverse: None;
}

/**
 * Every operation of the graph and its attributes. Tables that must treat all of them (shape inference, gradients,
 * evaluation, ONNX) are typed as total maps over these keys, so that the compiler refuses one that is missing.
 */
export interface OpAttributes
  extends SourceOps, ElementwiseOps, ReductionOps, ProductOps, LayoutOps, RowOps, BlockOps, CompositeOps {}

export type Op = keyof OpAttributes;

/** Operations that lower.ts expresses in terms of others: a target need not compute them. */
export type LowerableOp = keyof CompositeOps | keyof BlockOps;

/** Operations that every target computes. */
export type PrimitiveOp = Exclude<Op, LowerableOp>;
