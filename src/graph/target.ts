import type { DType } from "../tensor/host-tensor.ts";
import { lowerings } from "./passes/lower.ts";
import type { Tensor } from "./tensor.ts";

/** What computes graphs, as far as graphs are made to suit it. */
export interface Target {
  readonly id: string;
  /** The types that may cross the borders of a graph. */
  readonly dtypes: ReadonlySet<DType>;
  /** Whether it computes this operation on its operands as such. What it does not is spelled out in others that it does. */
  supports(node: Tensor): boolean;
}

/** The types that host tensors have. */
export const HOST_TYPES: ReadonlySet<DType> = new Set<DType>(["float32", "float16", "bfloat16", "int32", "uint8"]);

/** Computes what cannot be spelled out in anything else. */
export const PRIMITIVE: Target = {
  id: "primitive operations",
  dtypes: HOST_TYPES,
  supports: ({ op }) => !(op in lowerings),
};

/** Computes every operation as such. */
export const COMPLETE: Target = { id: "all operations", dtypes: HOST_TYPES, supports: () => true };
