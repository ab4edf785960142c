import { OptionError } from "../base/errors.ts";
import type { HostTensor } from "./host-tensor.ts";
import type { Flat } from "./tree.ts";

/** What a file says about a tensor before any of its data is read. */
export type TensorInfo = Pick<HostTensor, "dtype" | "shape">;

/** Tensors that are read one at a time, of which names, types and shapes are known at once: a file, or many. */
export interface TensorSource {
  /** Every tensor, by name. */
  readonly infos: Flat<TensorInfo>;
  readonly metadata: Readonly<Record<string, string>>;
  /** One tensor. Rejects with an InfiniError for a name without `infos` and for data that is not there. */
  read(name: string): Promise<HostTensor>;
}

/** Tensors that are in memory already, which are not copied. */
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
