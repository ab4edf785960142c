/** Symbolic tensors with static shapes, and graphs of them. */
export * from "./builder.ts";
export { createGraph, type Graph } from "./graph.ts";
export { optimize } from "./passes/optimize.ts";
export { COMPLETE, PRIMITIVE, type Target } from "./target.ts";
export { GraphError, type Tensor } from "./tensor.ts";
