import { OptionError } from "../base/errors.ts";
import type { HostTensor } from "./host-tensor.ts";
import type { Flat } from "./tree.ts";

/** What a file says about a tensor before any of its data is read. */
export type TensorInfo = Pick<HostTensor, "dtype" | "shape">;

/** Tensors that are read one at a time but whose names, types and shapes are known up front: one file, or several. */
export interface TensorSource {
  /** Every tensor, by name. */
  readonly infos: Flat<TensorInfo>;
  readonly metadata: Readonly<Record<string, string>>;
  /** One tensor. Rejects with an InfiniError for a name that is not in `infos` and for missing data. */
  read(name: string): Promise<HostTensor>;
}

/** Tensors that are already in memory, which are not copied. */
export function memorySource(tensors: Flat<HostTensor>, metadata: Readonly<Record<string, string>> = {}): TensorSource {
  const entries = Object.entries(tensors).map(([name, { dtype, shape }]) => [name, { dtype, shape }] as const);
  return {
    infos: Object.fromEntries(entries),
    metadata,
    async read(name) {
      const tensor = Object.hasOwn(tensors, name) ? tensors[name] : undefined;
      if (!tensor) throw new OptionError(`there is no tensor "${name}"`);
      return tensor;
    },
  };
}
