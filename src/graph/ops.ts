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

/**
 * Every operation of the graph and its attributes. Tables that must treat all of them (shape inference,
 * gradients, evaluation, ONNX) are typed as total maps over these keys, so that the compiler refuses a
 * forgotten one.
 */
export interface OpAttributes {
  // Sources
  input: { readonly name: string };
  constant: { readonly value: HostTensor };

  // Elementwise, one operand
  neg: None;
  exp: None;
  log: None;
  sqrt: None;
  sigmoid: None;
  tanh: None;
  elu: None;
  cast: { readonly to: DType };

  // Elementwise, operands broadcast as in NumPy
  add: None;
  sub: None;
  mul: None;
  div: None;
  min: None;
  max: None;
  equal: None;
  less: None;
  where: None;

  // Reductions
  sum: Reduction;
  mean: Reduction;
  cumulativeSum: Axis & { readonly exclusive: boolean; readonly reverse: boolean };

  // Along the innermost axis
  softmax: None;
  logSoftmax: None;
  kthLargest: { readonly k: number };
  rotate: None;

  // Products
  matmul: None;

  // Layout
  transpose: { readonly permutation: readonly number[] };
  reshape: { readonly shape: Shape };
  broadcastTo: { readonly shape: Shape };
  concat: Axis;
  slice: Axis & { readonly start: number; readonly end: number };
  pad: Axis & { readonly before: number; readonly after: number };

  // Rows of a table
  gather: None;
  scatterAdd: { readonly rows: number };

  // Composites: gradients in closed form, spelled out in primitive operations by lower.ts
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

export type Op = keyof OpAttributes;

/** Operations that lower.ts replaces before a graph is compiled. */
export type CompositeOp =
  | "eluPlusOne"
  | "silu"
  | "rmsNorm"
  | "l2Normalize"
  | "softmaxMatmul"
  | "crossEntropy"
  | "linearCrossEntropy"
  | "stopGradient"
  | "unitLowerInverse";

/** Operations that engines implement. */
export type PrimitiveOp = Exclude<Op, CompositeOp>;
