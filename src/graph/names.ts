import { flatten, prefixed, replacePrefix, type Flat } from "../tensor/tree.ts";

/*
 * How values are named in graphs, in stores and in files: `kind.path`, where the path is that of a leaf in its tree. An output
 * of a graph that replaces a value has the value's name after `next.`, and one that is rows of it after `rows.`; see
 * engine/store. All of these names are built here and nowhere else.
 */

/**
 * What kind of value a name stands for:
 *
 * - `params`: weights
 * - `optimizer`: what an optimizer keeps for a weight, `optimizer.<path of the weight>.<part>`
 * - `gradients`: sums of gradients, by weight
 * - `state`: what layers keep between segments; `stateGradients` and `nextStateGradients` are the gradients of a loss with respect
 *   to it before a segment and after
 * - `segment`: what layers keep of the open segment
 * - `memory`: states that lanes carry from one training step to the next
 * - `trace`: what one segment alone would have written to a memory; `traces` are those of several segments
 * - `look`: what is shown about a layer
 */
export type Kind =
  | "params"
  | "optimizer"
  | "gradients"
  | "state"
  | "stateGradients"
  | "nextStateGradients"
  | "segment"
  | "memory"
  | "trace"
  | "traces"
  | "look";

/** The name of a value from its kind and its path. */
export function nameOf(kind: Kind, ...path: readonly string[]): string {
  return [kind, ...path].join(".");
}

/** The leaves of a tree, or values by path, as values of a kind. */
export function named<Leaf extends { readonly shape: readonly number[] }>(kind: Kind, tree: object): Flat<Leaf> {
  return flatten<Leaf>(tree, kind);
}

/** Whether a name belongs to a value of this kind. */
export function isOf(kind: Kind): (name: string) => boolean {
  return (name) => name.startsWith(`${kind}.`);
}

/** The values of a kind by their path. */
export function pathsOf<T>(kind: Kind, values: Flat<T>): Flat<T> {
  return replacePrefix(values, `${kind}.`, "");
}

/** The values of one kind as values of another, with the same paths. */
export function changeKind<T>(values: Flat<T>, from: Kind, to: Kind): Flat<T> {
  return replacePrefix(values, `${from}.`, `${to}.`);
}

/** The output that replaces a value. */
export function nextOf(name: string): string {
  return `${NEXT}.${name}`;
}

/** Outputs that replace the values of these names. */
export function nextValues<T>(values: Flat<T>): Flat<T> {
  return prefixed(NEXT, values);
}

/** The output that is rows of a value, of its last axis but one. */
export function rowsOf(name: string): string {
  return `${ROWS}.${name}`;
}

/** Outputs that are rows of the values of these names. */
export function rowsOfValues<T>(values: Flat<T>): Flat<T> {
  return prefixed(ROWS, values);
}

// --- internal ---

const NEXT = "next";
const ROWS = "rows";
