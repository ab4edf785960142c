import { GraphError, isOp, type Tensor } from "./tensor.ts";
import type { Flat } from "../tensor/tree.ts";

/** Named results, and everything needed to compute them. */
export interface Graph {
  /** The inputs that the outputs depend on. */
  readonly inputs: Flat<Tensor<"input">>;
  readonly outputs: Flat<Tensor>;
  /** Every tensor once, after its operands. */
  readonly nodes: readonly Tensor[];
}

/**
 * Collects what the outputs depend on; anything else is left out. Throws {@link GraphError} when two
 * different inputs, or an input and an output, have the same name.
 */
export function createGraph(outputs: Flat<Tensor>): Graph {
  const nodes = topologicalOrder(Object.values(outputs));
  const inputs: Record<string, Tensor<"input">> = {};
  for (const node of nodes) {
    if (!isOp(node, "input")) continue;
    const { name } = node.attributes;
    if (inputs[name]) throw new GraphError(`two inputs are named "${name}"`);
    inputs[name] = node;
  }
  for (const [name, node] of Object.entries(outputs)) {
    if (inputs[name] && inputs[name] !== node) throw new GraphError(`an input and an output are named "${name}"`);
  }
  return { inputs, outputs, nodes };
}

/**
 * A graph as it is seen from outside: its inputs, and its outputs without what computes them. It takes next to no memory, where the
 * nodes of a large graph take tens of megabytes.
 */
export function signatureOf({ inputs, outputs }: Graph): Graph {
  const leaves = Object.entries(outputs).map(([name, { shape, dtype }]) => {
    const leaf: Tensor<"input"> = { op: "input", inputs: [], attributes: { name }, shape, dtype };
    return [name, leaf] as const;
  });
  return { inputs, outputs: Object.fromEntries(leaves), nodes: [] };
}

/** Every tensor the roots depend on, once, after its operands. */
export function topologicalOrder(roots: readonly Tensor[]): readonly Tensor[] {
  const done = new Set<Tensor>();
  const stack: { node: Tensor; next: number }[] = [];
  for (const root of roots) {
    if (!done.has(root)) stack.push({ node: root, next: 0 });
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      if (!top) break;
      const operand = top.node.inputs[top.next++];
      if (!operand) {
        done.add(top.node);
        stack.pop();
      } else if (!done.has(operand)) {
        stack.push({ node: operand, next: 0 });
      }
    }
  }
  return [...done];
}
