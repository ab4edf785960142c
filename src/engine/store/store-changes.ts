import type { Graph } from "../../graph/graph.ts";
import { nextOf, rowsOf } from "../../graph/names.ts";
import type { HostTensor } from "../../tensor/host-tensor.ts";
import type { Flat } from "../../tensor/tree.ts";
import { FeedError } from "../engine.ts";

/* How the outputs of a program say what they change in a store; see store.ts. */

/** The values of a store, by name, as far as programs are concerned. */
export type Stored = ReadonlyMap<string, Pick<HostTensor, "shape" | "dtype">>;

/** An output of a program that is rows of a value. */
export interface RowChange {
  readonly output: string;
  readonly name: string;
  /** Rows that a run gives, C. */
  readonly given: number;
  /** Rows that the value has, N. */
  readonly all: number;
}

/** Where rows go. */
export interface RowPlace {
  readonly offset: number;
  readonly length: number;
}

/** The outputs of a graph that replace a value, and the name of that value. */
export function replacements(graph: Graph, stored: Stored): ReadonlyMap<string, string> {
  const names = [...stored.keys()].map((name) => [nextOf(name), name] as const);
  return new Map(names.filter(([output]) => graph.outputs[output]));
}

export function rowChanges(graph: Graph, stored: Stored): readonly RowChange[] {
  return [...stored].flatMap(([name, { shape }]) => {
    const output = rowsOf(name);
    const rows = graph.outputs[output];
    return rows ? [{ output, name, given: rows.shape.at(-2) ?? 1, all: shape.at(-2) ?? 1 }] : [];
  });
}

/** Where the rows of a run go. Throws {@link FeedError} unless that is said and all of them fit there. */
export function rowPlace(changes: readonly RowChange[], feeds: Flat<HostTensor>): RowPlace {
  const [offset, length] = [numberOf(feeds, "offset"), numberOf(feeds, "length")];
  for (const { name, given, all } of changes) {
    if (offset < 0 || length < 0 || length > given || offset + length > all)
      throw new FeedError(`${length} of ${given} rows do not fit into the ${all} of "${name}" from ${offset} on`);
  }
  return { offset, length };
}

/** Throws RangeError for a name that is not in the store. */
export function checkNames(names: readonly string[], stored: Stored): void {
  const unknown = names.find((name) => !stored.has(name));
  if (unknown !== undefined) throw new RangeError(`there is no "${unknown}" in the store`);
}

// --- internal ---

function numberOf(feeds: Flat<HostTensor>, name: string): number {
  const value = feeds[name]?.data[0];
  if (value === undefined) throw new FeedError(`input "${name}" is missing`);
  return value;
}
