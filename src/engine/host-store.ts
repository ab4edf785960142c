import type { Graph } from "../graph/graph.ts";
import { copyOf, type HostTensor } from "../graph/host-tensor.ts";
import { withConstants } from "../graph/optimize.ts";
import { merge, type Flat } from "../graph/tree.ts";
import { FeedError, type Engine, type Program } from "./engine.ts";
import { checkNames, replacements, rowChanges } from "./store-names.ts";
import type { Store } from "./store.ts";

/**
 * A store in the memory of the host. What a run gives goes to tensors that nobody reads any more, unless someone else holds
 * them, so that what is thrown away does not add up.
 */
export function createHostStore(engine: Engine, values: Flat<HostTensor>): Store {
  const cells = new Map(Object.entries(values).map(([name, value]) => [name, createCell(value)]));
  let news: readonly (() => void)[] = [];

  const chosen = (wanted: (name: string) => boolean): [string, Cell][] => [...cells].filter(([name]) => wanted(name));
  const valuesOf = (entries: readonly [string, Cell][]): Flat<HostTensor> =>
    Object.fromEntries(entries.map(([name, { value }]) => [name, value]));
  return {
    async compile(given, isFixed = () => false) {
      const fixed = chosen(isFixed).map(([name, { value }]) => [name, value] as const);
      const graph = withConstants(given, new Map(fixed));
      const program = await engine.compile(graph);
      const run = bind(graph, program, cells);
      return {
        async run(feeds, into) {
          news = [];
          const { others, changes } = await run(feeds, into);
          news = changes;
          return others;
        },
        dispose: () => program.dispose(),
      };
    },
    keep() {
      for (const takeEffect of news) takeEffect();
      news = [];
    },
    read: async (wanted = () => true) => valuesOf(chosen(wanted)),
    async hold(wanted = () => true) {
      const held = chosen(wanted);
      for (const [, cell] of held) cell.isHeld = true;
      return valuesOf(held);
    },
    write(given) {
      checkNames(Object.keys(given), (name) => cells.has(name));
      news = [];
      for (const [name, cell] of cells) {
        const value = given[name];
        if (!value) continue;
        replace(cell, value);
        cell.isHeld = true;
      }
    },
    clear(wanted) {
      news = [];
      for (const [, cell] of chosen(wanted)) ownValue(cell).data.fill(0);
    },
    dispose: async () => {},
  };
}

// --- internal ---

interface Cell {
  value: HostTensor;
  /** Whether someone else holds the value too, so that it must never be written to. */
  isHeld: boolean;
  /** Tensors that nobody reads any more. */
  readonly spares: HostTensor[];
}

interface Outcome {
  /** Results that do not go into the store. */
  readonly others: Flat<HostTensor>;
  /** What makes the others take effect. */
  readonly changes: readonly (() => void)[];
}

function createCell(value: HostTensor): Cell {
  return { value, isHeld: true, spares: [] };
}

function replace(cell: Cell, value: HostTensor): void {
  if (value === cell.value) return;
  if (!cell.isHeld) cell.spares.push(cell.value);
  cell.value = value;
  cell.isHeld = false;
}

/** The value, which may be written to. */
function ownValue(cell: Cell): HostTensor {
  if (!cell.isHeld) return cell.value;
  const spare = cell.spares.pop();
  spare?.data.set(cell.value.data);
  replace(cell, spare ?? copyOf(cell.value));
  return cell.value;
}

function bind(
  graph: Graph,
  program: Program,
  cells: ReadonlyMap<string, Cell>,
): (feeds: Flat<HostTensor>, into?: Flat<HostTensor>) => Promise<Outcome> {
  const inputs = Object.keys(graph.inputs);
  const isStored = (name: string): boolean => cells.has(name);
  const replaced = new Map([...replacements(graph, isStored)].map(([output, name]) => [output, cells.get(name)]));
  const written = new Map([...rowChanges(graph, isStored)].map(([output, name]) => [output, cells.get(name)]));
  return async (feeds, into) => {
    const values: Record<string, HostTensor> = merge();
    for (const name of inputs) {
      const value = cells.get(name)?.value ?? feeds[name];
      if (value) values[name] = value;
    }
    const targets: Record<string, HostTensor> = merge(into ?? {});
    for (const [output, cell] of replaced) {
      const spare = cell?.spares.at(-1);
      if (spare) targets[output] = spare;
    }
    const results = await program.run(values, targets);
    const others: Record<string, HostTensor> = {};
    const changes: (() => void)[] = [];
    const place = written.size > 0 ? placeOf(feeds) : undefined;
    for (const [output, result] of Object.entries(results)) {
      const [cell, open] = [replaced.get(output), written.get(output)];
      if (cell) changes.push(() => takeSpare(cell, result));
      else if (open && place) changes.push(() => writeRows(ownValue(open), result, place));
      else others[output] = result;
    }
    return { others, changes };
  };
}

/** Puts a result in the place of a value, and takes it out of the spare ones if it has been written to one. */
function takeSpare(cell: Cell, result: HostTensor): void {
  if (cell.spares.at(-1) === result) cell.spares.pop();
  replace(cell, result);
}

interface Place {
  readonly offset: number;
  readonly length: number;
}

function placeOf({ offset, length }: Flat<HostTensor>): Place {
  const [start, count] = [offset?.data[0], length?.data[0]];
  if (start === undefined || count === undefined) throw new FeedError("rows need an offset and a length");
  return { offset: start, length: count };
}

function writeRows({ shape, data }: HostTensor, rows: HostTensor, { offset, length }: Place): void {
  const [N = 1, n = 1] = shape.slice(-2);
  const [C = 1] = rows.shape.slice(-2);
  for (let i = 0; i < data.length / (N * n); i++) {
    data.set(rows.data.subarray(i * C * n, (i * C + length) * n), (i * N + offset) * n);
  }
}
