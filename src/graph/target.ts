import type { DType } from "../tensor/host-tensor.ts";
import { lowerings } from "./passes/lower.ts";
import type { Tensor } from "./tensor.ts";

/** What computes graphs, described as far as graphs must be adapted to it. */
export interface Target {
  readonly id: string;
  /** The types that inputs and outputs of a graph may have. */
  readonly dtypes: ReadonlySet<DType>;
  /**
   * Whether it computes this operation on these operands directly. Any other is expressed in operations that it does
   * compute.
   */
  supports(node: Tensor): boolean;
}

/** The types that host tensors have. */
export const HOST_TYPES: ReadonlySet<DType> = new Set<DType>(["float32", "float16", "bfloat16", "int32", "uint8"]);

/** Computes only what cannot be expressed in anything else. */
export const PRIMITIVE: Target = {
  id: "primitive operations",
  dtypes: HOST_TYPES,
  supports: ({ op }) => !(op in lowerings),
};

/** Computes every operation directly. */
export const COMPLETE: Target = { id: "all operations", dtypes: HOST_TYPES, supports: () => true };
