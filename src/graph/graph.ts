import type { HostTensor } from "./host-tensor.ts";
import { lowerings } from "./lower.ts";
import type { CompositeOp } from "./ops.ts";
import { apply, GraphError, isOp, type Tensor } from "./tensor.ts";
import type { Flat } from "./tree.ts";

/** Named results, and all that is needed to compute them. */
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

/** The graph with composite operations spelled out and equal computations done once. */
export function optimize(graph: Graph): Graph {
  return shareEqualNodes(lowerComposites(graph));
}

/** The same graph in primitive operations. */
export function lowerComposites(graph: Graph): Graph {
  return rewrite(graph, (node) => {
    const lowering = lowerings[node.op as CompositeOp] as
      | ((inputs: readonly Tensor[], attributes: Tensor["attributes"]) => Tensor)
      | undefined;
    return lowering ? lowering(node.inputs, node.attributes) : node;
  });
}

/** Common-subexpression elimination: nodes with the same operation, attributes and operands become one. */
export function shareEqualNodes(graph: Graph): Graph {
  const numbers = new Map<Tensor, number>();
  const known = new Map<string, Tensor>();
  return rewrite(graph, (node) => {
    const operands = node.inputs.map((operand) => numbers.get(operand));
    const key = `${node.op}(${operands.join()})${node.dtype}[${node.shape.join()}]${attributeKey(node)}`;
    const shared = known.get(key) ?? node;
    known.set(key, shared);
    if (!numbers.has(shared)) numbers.set(shared, numbers.size);
    return shared;
  });
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

// --- internal ---

/** Constants up to this size are compared by value, larger ones by identity. */
const COMPARED_CONSTANT_SIZE = 1 << 16;

const identities = new WeakMap<HostTensor, number>();
let nextIdentity = 0;

/** Rebuilds the graph from its sources; `replace` gets each node with its operands already replaced. */
function rewrite(graph: Graph, replace: (node: Tensor) => Tensor): Graph {
  const replaced = new Map<Tensor, Tensor>();
  const resolve = (node: Tensor): Tensor => {
    const result = replaced.get(node);
    if (!result) throw new GraphError(`${node.op} comes before its operands`);
    return result;
  };
  const visit = (node: Tensor): void => {
    const inputs = node.inputs.map(resolve);
    const unchanged = inputs.every((operand, i) => operand === node.inputs[i]);
    replaced.set(node, replace(unchanged ? node : apply(node.op, inputs, node.attributes)));
  };
  for (const node of graph.nodes) visit(node);
  const outputs = Object.entries(graph.outputs).map(([name, node]) => [name, resolve(node)] as const);
  return createGraph(Object.fromEntries(outputs));
}

function attributeKey(node: Tensor): string {
  if (!isOp(node, "constant")) return JSON.stringify(node.attributes);
  const { value } = node.attributes;
  const { buffer, byteOffset, length } = value.data;
  if (length <= COMPARED_CONSTANT_SIZE) return new Int32Array(buffer, byteOffset, length).join(); // keeps -0 apart
  const identity = identities.get(value) ?? nextIdentity++;
  identities.set(value, identity);
  return `#${identity}`;
}
