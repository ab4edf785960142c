import type { Graph } from "../graph.ts";
import { bytesOf } from "../../tensor/host-tensor.ts";
import type { Op } from "../ops.ts";
import { isMatrixTranspose, type Tensor } from "../tensor.ts";

/** How much a graph computes and moves, counted on the graph: the same on every machine. */
export interface Traffic {
  /** Operations: every node but inputs and constants. */
  readonly operations: number;
  /** Bytes that they read and write, see {@link trafficOf}. */
  readonly bytes: number;
}

/**
 * What one run of a graph moves if nothing is fused: for each operation the bytes of its result and of each distinct
 * operand. Three rules bring the sum closer to what kernels do: `reshape` is a view and counts as zero, products read a
 * matrix that is transposed only for them as it is stored, and `slice` and `gather` read no more of an operand than
 * they return. Inputs and constants are counted where they are read. Give it the graph that an engine runs, after
 * `optimize`.
 */
export function trafficOf(graph: Graph): Traffic {
  const free = inProducts(graph);
  const operations = graph.nodes.filter((node) => !SOURCES.has(node.op) && !free.has(node));
  return { operations: operations.length, bytes: operations.reduce((sum, node) => sum + bytesMoved(node), 0) };
}

// --- internal ---

const SOURCES: ReadonlySet<Op> = new Set<Op>(["input", "constant"]);
const VIEWS: ReadonlySet<Op> = new Set<Op>(["reshape"]);
/** Operations that may leave most of a large operand unread. */
const PICKING: ReadonlySet<Op> = new Set<Op>(["slice", "gather", "gatherBlocks"]);

/**
 * Transpositions of the last two axes that nothing but matrix products read: kernels take operands either way round.
 */
function inProducts({ nodes, outputs }: Graph): ReadonlySet<Tensor> {
  const read = new Set(nodes.filter(({ op }) => op !== "matmul").flatMap(({ inputs }) => inputs));
  for (const output of Object.values(outputs)) read.add(output);
  return new Set(nodes.filter((node) => isMatrixTranspose(node) && !read.has(node)));
}

function bytesMoved(node: Tensor): number {
  if (VIEWS.has(node.op)) return 0;
  const result = tensorBytes(node);
  const most = PICKING.has(node.op) ? result : Infinity;
  return [...new Set(node.inputs)].reduce((sum, operand) => sum + Math.min(tensorBytes(operand), most), result);
}

function tensorBytes({ shape, dtype }: Tensor): number {
  return bytesOf(shape, dtype);
}
