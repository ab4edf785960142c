import type { FloatTensor } from "../tensor/host-tensor.ts";
import type { ParamSpec } from "../nn/spec.ts";
import { flatten } from "../tensor/tree.ts";
import type { LoadedModel } from "./transformer.ts";

/** sigmoid(beta) of eq. 10 of each head, layer by layer: 0 reads the segment only, 1 the memory only. None without gates. */
export function gatesOf({ model, params }: LoadedModel): number[][] {
  const specs = flatten<ParamSpec>(model.specs);
  const gates = Object.entries(flatten<FloatTensor>(params)).filter(([name]) => specs[name]?.role === "gate");
  return gates.map(([, { data }]) => [...data].map((beta) => 1 / (1 + Math.exp(-beta))));
}
