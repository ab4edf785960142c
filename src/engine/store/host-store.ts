import type { Graph } from "../../graph/graph.ts";
import { copyOf, type HostTensor } from "../../tensor/host-tensor.ts";
import { withConstants } from "../../graph/passes/optimize.ts";
import { merge, type Flat } from "../../tensor/tree.ts";
import type { Engine, Program } from "../engine.ts";
import { checkNames, replacements, rowChanges, rowPlace, type RowPlace, type Stored } from "./store-changes.ts";
import type { Store } from "./store.ts";

/**
 * A store in the memory of the host. What a run gives goes to tensors that nobody reads any more, unless someone else holds
 * them, so that what is thrown away does not add up.
 */
export function createHostStore(engine: Engine, values: Flat<HostTensor>): Store {
  const cells: Cells = new Map(Object.entries(values).map(([name, value]) => [name, createCell(value)]));
  // The shapes alone: the values that it began with are not kept alive.
  const stored: Stored = new Map(Object.entries(values).map(([name, { shape, dtype }]) => [name, { shape, dtype }]));
  /** What the last run gave, until it is kept. */
  let pending: readonly (() => void)[] = [];

  const chosen = (wanted: (name: string) => boolean): [string, Cell][] => [...cells].filter(([name]) => wanted(name));
  const valuesOf = (entries: readonly [string, Cell][]): Flat<HostTensor> =>
    Object.fromEntries(entries.map(([name, { value }]) => [name, value]));
  return {
    async compile(graph, isFixed = () => false) {
      const whole = withConstants(graph, new Map(Object.entries(valuesOf(chosen(isFixed)))));
      const program = await engine.compile(whole);
      const run = bind(whole, program, cells, stored);
      return {
        async run(feeds, into) {
          pending = [];
          const { others, changes } = await run(feeds, into);
          pending = changes;
          return others;
        },
        dispose: () => program.dispose(),
      };
    },
    keep() {
      for (const takeEffect of pending) takeEffect();
      pending = [];
    },
    read: async (wanted = () => true) => valuesOf(chosen(wanted)),
    async hold(wanted = () => true) {
      const held = chosen(wanted);
      for (const [, cell] of held) cell.isHeld = true;
      return valuesOf(held);
    },
    write(written) {
      checkNames(Object.keys(written), stored);
      pending = [];
      for (const [name, value] of Object.entries(written)) {
        const cell = cells.get(name);
        if (cell) giveTo(cell, value);
      }
    },
    clear(wanted) {
      pending = [];
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
  spares: HostTensor[];
}

type Cells = ReadonlyMap<string, Cell>;

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
  cell.spares = cell.spares.filter((spare) => spare !== value);
  cell.value = value;
  cell.isHeld = false;
}

/** Puts a value of someone else in the place of that of a cell. */
function giveTo(cell: Cell, value: HostTensor): void {
  replace(cell, value);
  cell.isHeld = true;
}

/** The value, which may be written to. */
function ownValue(cell: Cell): HostTensor {
  if (!cell.isHeld) return cell.value;
  const spare = cell.spares.at(-1);
  spare?.data.set(cell.value.data);
  replace(cell, spare ?? copyOf(cell.value));
  return cell.value;
}

function bind(
  graph: Graph,
  program: Program,
  cells: Cells,
  stored: Stored,
): (feeds: Flat<HostTensor>, into?: Flat<HostTensor>) => Promise<Outcome> {
  const inputs = Object.keys(graph.inputs);
  const cellOf = (name: string): Cell | undefined => cells.get(name);
  const replaced = new Map([...replacements(graph, stored)].map(([output, name]) => [output, cellOf(name)]));
  const rows = rowChanges(graph, stored);
  const written = new Map(rows.map(({ output, name }) => [output, cellOf(name)]));
  return async (feeds, into = {}) => {
    const place = rows.length > 0 ? rowPlace(rows, feeds) : undefined;
    const values = merge<HostTensor>();
    for (const name of inputs) {
      const value = cells.get(name)?.value ?? feeds[name];
      if (value) values[name] = value;
    }
    const targets = merge(into);
    for (const [output, cell] of replaced) {
      const spare = cell?.spares.at(-1);
      if (spare) targets[output] = spare;
    }
    const others: Record<string, HostTensor> = {};
    const changes: (() => void)[] = [];
    for (const [output, result] of Object.entries(await program.run(values, targets))) {
      const [cell, open] = [replaced.get(output), written.get(output)];
      if (cell) changes.push(() => replace(cell, result));
      else if (open && place) changes.push(() => writeRows(ownValue(open), result, place));
      else others[output] = result;
    }
    return { others, changes };
  };
}

function writeRows({ shape, data }: HostTensor, rows: HostTensor, { offset, length }: RowPlace): void {
  const [N = 1, n = 1] = shape.slice(-2);
  const [C = 1] = rows.shape.slice(-2);
  const perLane = data.length / (N * n) / (shape[0] ?? 1);
  for (let i = 0; i < data.length / (N * n); i++) {
    const lane = Math.floor(i / perLane);
    const [first = 0, count = 0] = [offset[lane], length[lane]];
    data.set(rows.data.subarray(i * C * n, (i * C + count) * n), (i * N + first) * n);
  }
}
