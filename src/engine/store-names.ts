import type { Graph } from "../graph/graph.ts";

/** Outputs of a program that go into a store, by their name, and the name there of what they change. */
export type Changes = ReadonlyMap<string, string>;

/** The outputs `next.NAME` of a graph that replace a value. */
export function replacements(graph: Graph, isStored: (name: string) => boolean): Changes {
  return changes(graph, "next.", isStored);
}

/** The outputs `rows.NAME` of a graph that are rows of a value. */
export function rowChanges(graph: Graph, isStored: (name: string) => boolean): Changes {
  return changes(graph, "rows.", isStored);
}

/** Throws RangeError for a name that is not in the store. */
export function checkNames(names: readonly string[], isStored: (name: string) => boolean): void {
  const unknown = names.find((name) => !isStored(name));
  if (unknown !== undefined) throw new RangeError(`there is no "${unknown}" in the store`);
}

// --- internal ---

function changes(graph: Graph, prefix: string, isStored: (name: string) => boolean): Changes {
  const named = Object.keys(graph.outputs)
    .filter((output) => output.startsWith(prefix))
    .map((output) => [output, output.slice(prefix.length)] as const);
  return new Map(named.filter(([, name]) => isStored(name)));
}
