import type { Graph } from "../graph.ts";
import { bytesOf } from "../../tensor/host-tensor.ts";
import type { Op } from "../ops.ts";
import type { Tensor } from "../tensor.ts";

/** How much a graph computes and moves, counted on the graph: the same on every machine. */
export interface Traffic {
  /** Operations: every node but inputs and constants. */
  readonly operations: number;
  /** Bytes that they read and write, see {@link trafficOf}. */
  readonly bytes: number;
}

/**
 * What one run of a graph moves if nothing is fused: for each operation the bytes of its result and of each different
 * operand. Two rules bring the sum closer to what kernels do: `reshape` is a view and counts as zero, and `slice` and
 * `gather` read of an operand no more than they return. Inputs and constants are counted where they are read.
 * Give it the graph that an engine runs, after `optimize`.
 */
export function trafficOf(graph: Graph): Traffic {
  const operations = graph.nodes.filter(({ op }) => !SOURCES.has(op));
  return { operations: operations.length, bytes: operations.reduce((sum, node) => sum + bytesMoved(node), 0) };
}

// --- internal ---

const SOURCES: ReadonlySet<Op> = new Set<Op>(["input", "constant"]);
const VIEWS: ReadonlySet<Op> = new Set<Op>(["reshape"]);
/** Operations that leave most of a large operand alone. */
const PICKING: ReadonlySet<Op> = new Set<Op>(["slice", "gather", "gatherBlocks"]);

function bytesMoved(node: Tensor): number {
  if (VIEWS.has(node.op)) return 0;
  const result = tensorBytes(node);
  const most = PICKING.has(node.op) ? result : Infinity;
  return [...new Set(node.inputs)].reduce((sum, operand) => sum + Math.min(tensorBytes(operand), most), result);
}

function tensorBytes({ shape, dtype }: Tensor): number {
  return bytesOf(shape, dtype);
}
