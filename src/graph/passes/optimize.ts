import { constant, reshape } from "../builder.ts";
import { createGraph, type Graph } from "../graph.ts";
import type { HostTensor } from "../../tensor/host-tensor.ts";
import { lowerings } from "./lower.ts";
import type { LowerableOp } from "../ops.ts";
import { PRIMITIVE, type Target } from "../target.ts";
import { apply, GraphError, isOp, type Tensor } from "../tensor.ts";

/* Passes from a graph to one that computes the same. */

/**
 * The graph with operations that a target lacks expressed in others, consecutive reshapes joined, and equal
 * computations done once.
 *
 * @param target Default: one that computes only primitive operations.
 */
export function optimize(graph: Graph, target: Target = PRIMITIVE): Graph {
  return shareEqualNodes(joinReshapes(lower(graph, target)));
}

/** The graph with constants instead of the inputs that have values. */
export function withConstants(graph: Graph, values: ReadonlyMap<string, HostTensor>): Graph {
  return rewrite(graph, (node) => {
    const value = isOp(node, "input") ? values.get(node.attributes.name) : undefined;
    return value ? constant(value) : node;
  });
}

/**
 * The same graph in operations that a target computes. Throws {@link GraphError} for one that it lacks and that cannot
 * be expressed in others.
 */
export function lower(graph: Graph, target: Target): Graph {
  let lowered = graph;
  while (lowered.nodes.some((node) => !target.supports(node))) {
    lowered = rewrite(lowered, (node) => (target.supports(node) ? node : spelledOut(node, target)));
  }
  return lowered;
}

/**
 * One reshape instead of several consecutive ones, and instead of a transposition that does not reorder elements,
 * because it only moves axes of size 1. For a single token most axes are like that.
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
  const numberOf = numberContents();
  return rewrite(graph, (node) => {
    const operands = node.inputs.map((operand) => numbers.get(operand));
    const attributes = isOp(node, "constant") ? numberOf(node.attributes.value) : JSON.stringify(node.attributes);
    const key = `${node.op}(${operands.join()})${node.dtype}[${node.shape.join()}]${attributes}`;
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

/**
 * Numbers tensors, so that those of equal contents have one number; large ones are equal only when they lie in the same
 * memory.
 */
function numberContents(): (tensor: HostTensor) => number {
  const alike = new Map<number, { readonly words: Words; readonly number: number }[]>();
  let count = 0;
  return (tensor) => {
    const [hash, words] = [contentHash(tensor), wordsIn(tensor)];
    const candidates = alike.get(hash) ?? [];
    const found = candidates.find((other) => sameWords(other.words, words));
    if (found) return found.number;
    alike.set(hash, [...candidates, { words, number: count }]);
    return count++;
  };
}

type Words = Uint32Array | Uint8Array;

/** Tensors up to this size are compared by their contents. */
const COMPARED_WORDS = 1 << 16;

/** The memory of a tensor, four bytes at a time where it divides evenly. */
function wordsIn({ data: { buffer, byteOffset, byteLength } }: HostTensor): Words {
  const isEven = byteOffset % 4 === 0 && byteLength % 4 === 0;
  return isEven ? new Uint32Array(buffer, byteOffset, byteLength / 4) : new Uint8Array(buffer, byteOffset, byteLength);
}

function sameWords(a: Words, b: Words): boolean {
  if (a.byteLength !== b.byteLength || a.length !== b.length) return false;
  if (a.buffer === b.buffer && a.byteOffset === b.byteOffset) return true;
  if (a.length > COMPARED_WORDS) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

const hashes = new WeakMap<HostTensor, number>();

/** FNV-1a of the part that is compared; computed once for each tensor. */
function contentHash(tensor: HostTensor): number {
  const known = hashes.get(tensor);
  if (known !== undefined) return known;
  const words = wordsIn(tensor);
  let hash = 0x811c9dc5 ^ words.length;
  const end = Math.min(words.length, COMPARED_WORDS);
  for (let i = 0; i < end; i++) hash = Math.imul(hash ^ (words[i] ?? 0), 0x01000193);
  hashes.set(tensor, hash);
  return hash;
}
