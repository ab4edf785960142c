import { OptionError } from "../base/errors.ts";
import { BLOCK_SIZE, quantizeBlocks, type Blocks, type QuantizeOptions } from "../tensor/blocks.ts";
import type { HostTensor } from "../tensor/host-tensor.ts";
import { fromFloat32, toFloat32, type FloatDType } from "../tensor/number-types.ts";
import type { ParamSpec } from "./spec.ts";

/** How matrices and tables are stored: in a number type, or in blocks of few bits. */
export type WeightStorage = { readonly dtype: FloatDType } | QuantizeOptions;

/** Any weight of a model on the host: a leaf of its tree, or a small tree of leaves. */
export type StoredWeight = HostTensor | Blocks<HostTensor>;

/**
 * A parameter as it is stored and passed to programs. Matrices and tables use the requested storage, except that those
 * whose rows are not whole blocks are unchanged; everything else is float32.
 *
 * @throws {OptionError} for a tensor that is not of a floating-point type.
 */
export function storeWeight(
  value: HostTensor,
  { role }: Pick<ParamSpec, "role">,
  storage: WeightStorage,
): StoredWeight {
  if (value.dtype === "int32" || value.dtype === "uint8") throw new OptionError(`weights cannot be ${value.dtype}`);
  if (role !== "matrix" && role !== "embedding") return toFloat32(value);
  if ("dtype" in storage) return value.dtype === storage.dtype ? value : fromFloat32(toFloat32(value), storage.dtype);
  const isWhole = value.shape.length === 2 && (value.shape[1] ?? 1) % BLOCK_SIZE === 0;
  return isWhole ? quantizeBlocks(toFloat32(value), storage) : value;
}
