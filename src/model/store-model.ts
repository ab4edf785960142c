import { storeWeight, type StoredWeight, type WeightStorage } from "../nn/weight-storage.ts";
import type { ParamSpec } from "../nn/spec.ts";
import type { FloatTensor, HostTensor } from "../tensor/host-tensor.ts";
import { flatten, mapTree } from "../tensor/tree.ts";
import type { LoadedModel, ModelParams, StoredModel } from "./transformer.ts";

/** The same model with its matrices and tables kept otherwise, see {@link storeWeight}. */
export function storeModel({ model, params }: LoadedModel, storage: WeightStorage): StoredModel {
  const specs = flatten<ParamSpec>(model.specs);
  const stored = mapTree<ModelParams<FloatTensor, StoredWeight>>(params, (leaf, name) => {
    const spec = specs[name];
    if (!spec) throw new RangeError(`the model has no "${name}"`);
    return storeWeight(leaf as HostTensor, spec, storage);
  });
  return { model, params: stored };
}
