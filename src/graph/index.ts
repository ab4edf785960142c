/** Symbolic tensors with static shapes, and graphs of them. */
export * from "./builder.ts";
export { createGraph, type Graph } from "./graph.ts";
export {
  bytesOf,
  filled,
  floatTensor,
  intTensor,
  sizeOf,
  zeros,
  type DType,
  type FloatTensor,
  type HostTensor,
  type IntTensor,
  type Shape,
} from "./host-tensor.ts";
export { optimize } from "./optimize.ts";
export { GraphError, type Tensor } from "./tensor.ts";
export { flatten, mapTree, unflatten, type Flat, type Tree } from "./tree.ts";
