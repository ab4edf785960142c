import type { FloatTensor } from "../tensor/host-tensor.ts";
import { flatten } from "../tensor/tree.ts";

/** sigmoid(beta) of eq. 10 of each head, layer by layer: 0 reads the segment only, 1 the memory only. None without gates. */
export function gatesOf(params: object): number[][] {
  const gates = Object.entries(flatten<FloatTensor>(params)).filter(([name]) => name.endsWith(".attention.gate"));
  return gates.map(([, { data }]) => [...data].map((beta) => 1 / (1 + Math.exp(-beta))));
}
