import { readingHeads } from "../mixers/infini/heads.ts";
import type { FloatTensor } from "../tensor/host-tensor.ts";
import type { ParamSpec } from "../nn/spec.ts";
import { flatten } from "../tensor/tree.ts";
import { memoriesOf } from "./layers.ts";
import { at, layerNames } from "./stack.ts";
import type { LoadedModel } from "./transformer.ts";

/**
 * sigmoid(beta) of eq. 10 of each head, layer by layer: 0 reads the segment only, as heads without a memory do, 1 the memory only.
 * Nothing where no layer has gates.
 */
export function gatesOf({ model: { config, specs }, params }: LoadedModel): number[][] {
  const memories = memoriesOf(config);
  const rows = layerNames(config).map((layer) => {
    const roles = flatten<ParamSpec>(at(specs.blocks, layer).attention);
    const gates = Object.entries(flatten<FloatTensor>(at(params.blocks, layer).attention));
    const betas = gates.find(([name]) => roles[name]?.role === "gate")?.[1].data;
    const memory = memories.get(Number(layer));
    return { betas, heads: memory && readingHeads({ ...config, memory }) };
  });
  if (rows.every(({ betas }) => !betas)) return [];
  return rows.map(({ betas, heads }) => {
    const gates = Array.from({ length: config.numHeads }, () => 0);
    betas?.forEach((beta, i) => (gates[heads?.[i] ?? i] = 1 / (1 + Math.exp(-beta))));
    return gates;
  });
}
