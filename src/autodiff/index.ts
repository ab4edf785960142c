/** Gradients of graphs, as graphs. */
export { gradients, vectorJacobianProduct, type Seed } from "./gradients.ts";
