import { constant, reshape } from "../builder.ts";
import { createGraph, type Graph } from "../graph.ts";
import type { HostTensor } from "../../tensor/host-tensor.ts";
import { lowerings } from "./lower.ts";
import type { LowerableOp } from "../ops.ts";
import { PRIMITIVE, type Target } from "../target.ts";
import { apply, GraphError, isOp, type Tensor } from "../tensor.ts";

/* Passes from a graph to one that computes the same. */

/**
 * The graph with what a target does not compute spelled out, reshapes in a row joined, and equal computations done once.
 *
 * @param target Default: what computes primitive operations alone.
 */
export function optimize(graph: Graph, target: Target = PRIMITIVE): Graph {
  return shareEqualNodes(joinReshapes(lower(graph, target)));
}

/** The graph with constants in the place of the inputs that there are values for. */
export function withConstants(graph: Graph, values: ReadonlyMap<string, HostTensor>): Graph {
  return rewrite(graph, (node) => {
    const value = isOp(node, "input") ? values.get(node.attributes.name) : undefined;
    return value ? constant(value) : node;
  });
}

/** The same graph in operations that a target computes. Throws {@link GraphError} for one that it lacks and that cannot be spelled out. */
export function lower(graph: Graph, target: Target): Graph {
  let lowered = graph;
  while (lowered.nodes.some(({ op }) => !target.supports(op))) {
    lowered = rewrite(lowered, (node) => (target.supports(node.op) ? node : spelledOut(node, target)));
  }
  return lowered;
}

/**
 * One reshape in place of several in a row, and of a transposition that leaves the order of the elements as it is, because it
 * moves axes of size 1 alone. A token by itself is mostly such axes.
 */
export function joinReshapes(graph: Graph): Graph {
  return rewrite(graph, (node) => {
    const [operand] = node.inputs;
    if (!operand || !(node.op === "reshape" || (isOp(node, "transpose") && keepsOrder(node)))) return node;
    const [source = operand] = operand.op === "reshape" ? operand.inputs : [];
    return reshape(source, node.shape);
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

// --- internal ---

function spelledOut(node: Tensor, target: Target): Tensor {
  const lowering = lowerings[node.op as LowerableOp] as
    | ((inputs: readonly Tensor[], attributes: Tensor["attributes"]) => Tensor)
    | undefined;
  if (!lowering) throw new GraphError(`${node.op} is not computed by ${target.id}`);
  return lowering(node.inputs, node.attributes);
}

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

/** Whether all axes that are larger than 1 stay in their order. */
function keepsOrder({ attributes: { permutation }, inputs: [x] }: Tensor<"transpose">): boolean {
  const moved = permutation.filter((axis) => x?.shape[axis] !== 1);
  return moved.every((axis, i) => i === 0 || axis > (moved[i - 1] ?? axis));
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
