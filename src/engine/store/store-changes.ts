import type { Graph } from "../../graph/graph.ts";
import { nextOf, rowsOf } from "../../graph/names.ts";
import type { HostTensor } from "../../tensor/host-tensor.ts";
import type { Flat } from "../../tensor/tree.ts";
import { FeedError } from "../engine.ts";

/* How the outputs of a program state what they change in a store; see store.ts. */

/** The values of a store, by name, as programs see them. */
export type Stored = ReadonlyMap<string, Pick<HostTensor, "shape" | "dtype">>;

/** An output of a program that holds rows of a value. */
export interface RowChange {
  readonly output: string;
  readonly name: string;
  /** B, the same for both. */
  readonly lanes: number;
  /** Rows that a run returns, C. */
  readonly given: number;
  /** Rows of the value, N. */
  readonly all: number;
}

/** Where rows go in each lane. */
export interface RowPlace {
  readonly offset: HostTensor["data"]; // [B]
  readonly length: HostTensor["data"]; // [B]
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
    return rows ? [{ output, name, lanes: shape[0] ?? 1, given: rows.shape.at(-2) ?? 1, all: shape.at(-2) ?? 1 }] : [];
  });
}

/** Where the rows of a run go. Throws {@link FeedError} unless the feeds say so and all rows fit there. */
export function rowPlace(changes: readonly RowChange[], feeds: Flat<HostTensor>): RowPlace {
  const [offset, length] = [numbersOf(feeds, "offset"), numbersOf(feeds, "length")];
  for (const { name, lanes, given, all } of changes) {
    if (offset.length !== lanes || length.length !== lanes)
      throw new FeedError(
        `"${name}" has ${lanes} lanes, "offset" and "length" are of ${offset.length} and ${length.length}`,
      );
    for (let lane = 0; lane < lanes; lane++) checkRows(name, offset[lane] ?? 0, length[lane] ?? 0, given, all);
  }
  return { offset, length };
}

/** Throws RangeError for a name that is not in the store. */
export function checkNames(names: readonly string[], stored: Stored): void {
  const unknown = names.find((name) => !stored.has(name));
  if (unknown !== undefined) throw new RangeError(`there is no "${unknown}" in the store`);
}

/** Throws RangeError unless these values [1, ..] are one lane of those of the store [B, ..]. */
export function checkLane(lane: number, values: Flat<HostTensor>, stored: Stored): void {
  checkNames(Object.keys(values), stored);
  for (const [name, { shape, dtype }] of Object.entries(values)) {
    const { shape: whole = [], dtype: wanted } = stored.get(name) ?? {};
    const [lanes = 0, ...rest] = whole;
    if (dtype !== wanted || shape.join() !== [1, ...rest].join() || !(lane >= 0 && lane < lanes))
      throw new RangeError(`[${shape.join(", ")}] is not lane ${lane} of "${name}" [${whole.join(", ")}]`);
  }
}

// --- internal ---

function checkRows(name: string, offset: number, length: number, given: number, all: number): void {
  if (offset < 0 || length < 0 || length > given || offset + length > all)
    throw new FeedError(`${length} of ${given} rows do not fit into the ${all} of "${name}" from ${offset} on`);
}

function numbersOf(feeds: Flat<HostTensor>, name: string): HostTensor["data"] {
  const value = feeds[name];
  if (value === undefined) throw new FeedError(`input "${name}" is missing`);
  return value.data;
}
