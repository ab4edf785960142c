import { add, cast, equal, input, iota, less, matmul, reshape, slice, where } from "../graph/builder.ts";
import { createGraph, type Graph } from "../graph/graph.ts";
import { sizeOf, type HostTensor } from "../graph/host-tensor.ts";
import type { Tensor } from "../graph/tensor.ts";
import { replacements, rowChanges } from "./store-names.ts";

/** An output of a program that gives nothing else to the host. */
export const DONE = "store.done";

/** The graph as a store on a device runs it: rows are written there, and something comes to the host. */
export function deviceGraph(graph: Graph, stored: ReadonlyMap<string, Typed>): Graph {
  return withAnswer(withRowsWritten(graph, stored), stored);
}

// --- internal ---

type Typed = Pick<HostTensor, "shape" | "dtype">;

const WHOLE_NUMBER: Typed = { shape: [], dtype: "int32" };

/**
 * With a number of a result for the host where all others stay: a run that waits for nothing ends before it is computed, and a long
 * text would pile up in the queue of the device.
 */
function withAnswer(graph: Graph, stored: ReadonlyMap<string, Typed>): Graph {
  const { size } = replacements(graph, (name) => stored.has(name));
  const [first, ...others] = Object.values(graph.outputs);
  if (!first || size < 1 + others.length) return graph;
  return createGraph({ ...graph.outputs, [DONE]: slice(reshape(first, [sizeOf(first.shape)]), 0, 0, 1) });
}

/** With `next.NAME` in the place of each `rows.NAME`: the value with the rows written to it. */
function withRowsWritten(graph: Graph, stored: ReadonlyMap<string, Typed>): Graph {
  const changes = rowChanges(graph, (name) => stored.has(name));
  if (changes.size === 0) return graph;
  const inputOf = (name: string, { shape, dtype }: Typed): Tensor => graph.inputs[name] ?? input(name, shape, dtype);
  const offset = inputOf("offset", WHOLE_NUMBER);
  const length = inputOf("length", WHOLE_NUMBER);
  const outputs = Object.entries(graph.outputs).map(([output, result]): [string, Tensor] => {
    const name = changes.get(output) ?? "";
    const value = stored.get(name);
    return value ? [`next.${name}`, writeRows(inputOf(name, value), result, offset, length)] : [output, result];
  });
  return createGraph(Object.fromEntries(outputs));
}

/** `open` [.., N, n] with the first `length` of `rows` [.., C, n] from `offset` on. */
function writeRows(open: Tensor, rows: Tensor, offset: Tensor, length: Tensor): Tensor {
  const [N = 1, C = 1] = [open.shape.at(-2), rows.shape.at(-2)];
  const place = reshape(iota(N), [N, 1]);
  const placement = cast(equal(place, add(iota(C), offset)), "float32"); // [N, C]
  const isAfter = less(place, add(offset, length)); // [N, 1]
  return where(less(place, offset), open, where(isAfter, matmul(placement, rows), open));
}
