import { add, cast, equal, input, iota, less, matmul, reshape, slice, where } from "../../graph/builder.ts";
import { createGraph, type Graph } from "../../graph/graph.ts";
import { nextOf } from "../../graph/names.ts";
import { sizeOf, type DType, type Shape } from "../../tensor/host-tensor.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { replacements, rowChanges, type Stored } from "./store-changes.ts";

/** An output of a program that otherwise returns nothing to the host. */
export const DONE = "store.done";

/** The graph as a store on a device runs it: rows are written there, and at least one result comes to the host. */
export function deviceGraph(graph: Graph, stored: Stored): Graph {
  return withAnswer(withRowsWritten(graph, stored), stored);
}

// --- internal ---

/**
 * Adds one number of a result for the host where all others stay on the device: a run that waits for nothing returns
 * before it is computed, and a long text would pile up in the device's queue.
 */
function withAnswer(graph: Graph, stored: Stored): Graph {
  const { size } = replacements(graph, stored);
  const [first, ...others] = Object.values(graph.outputs);
  if (!first || size < 1 + others.length) return graph;
  return createGraph({ ...graph.outputs, [DONE]: slice(reshape(first, [sizeOf(first.shape)]), 0, 0, 1) });
}

/** Replaces each `rows.NAME` by `next.NAME`: the value with the rows written to it. */
function withRowsWritten(graph: Graph, stored: Stored): Graph {
  const changes = rowChanges(graph, stored);
  if (changes.length === 0) return graph;
  const inputOf = (name: string, shape: Shape, dtype: Exclude<DType, "bool">): Tensor =>
    graph.inputs[name] ?? input(name, shape, dtype);
  const lanes = [changes[0]?.lanes ?? 1];
  const [offset, length] = [inputOf("offset", lanes, "int32"), inputOf("length", lanes, "int32")];
  const outputs: Record<string, Tensor> = { ...graph.outputs };
  for (const { output, name } of changes) {
    const [rows, value] = [outputs[output], stored.get(name)];
    if (!rows || !value) continue;
    delete outputs[output];
    outputs[nextOf(name)] = writeRows(inputOf(name, value.shape, value.dtype), rows, offset, length);
  }
  return createGraph(outputs);
}

/** `open` [B, .., N, n] with, in each lane, the first `length` [B] of `rows` [B, .., C, n] starting at `offset` [B]. */
function writeRows(open: Tensor, rows: Tensor, offset: Tensor, length: Tensor): Tensor {
  const [N = 1, C = 1] = [open.shape.at(-2), rows.shape.at(-2)];
  const perLane = (x: Tensor): Tensor => reshape(x, [...x.shape, ...open.shape.slice(1).map(() => 1)]);
  const [first, count] = [perLane(offset), perLane(length)]; // [B, 1, .., 1]
  const place = reshape(iota(N), [N, 1]);
  const placement = cast(equal(place, add(iota(C), first)), "float32"); // [B, 1, .., N, C]
  const isAfter = less(place, add(first, count)); // [B, 1, .., N, 1]
  return where(less(place, first), open, where(isAfter, matmul(placement, rows), open));
}
