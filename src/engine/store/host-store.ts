import { signatureOf, type Graph } from "../../graph/graph.ts";
import { copyOf, type HostTensor } from "../../tensor/host-tensor.ts";
import { withConstants } from "../../graph/passes/optimize.ts";
import { merge, type Flat } from "../../tensor/tree.ts";
import type { Engine, Program } from "../engine.ts";
import {
  checkLane,
  checkNames,
  replacements,
  rowChanges,
  rowPlace,
  type RowPlace,
  type Stored,
} from "./store-changes.ts";
import type { PrepareOptions, Store } from "./store.ts";

/** See {@link Store.prepare}. */
export interface HostPrepared extends Pick<Program, "dispose"> {
  readonly where: "host";
  readonly graph: Graph;
  readonly program: Program;
}

/** See {@link SharedValues}. */
export interface HostShared {
  readonly where: "host";
  readonly values: Flat<HostTensor>;
  dispose(): Promise<void>;
}

/**
 * A store in the memory of the host. Results of a run reuse tensors that are no longer read, unless someone else holds
 * them, so that garbage does not add up.
 */
export function createHostStore(engine: Engine, values: Flat<HostTensor>, shared?: HostShared): Store {
  const cells: Cells = new Map(Object.entries(values).map(([name, value]) => [name, createCell(value)]));
  // Only the shapes: the initial values are not kept alive.
  const stored: Stored = new Map(Object.entries(values).map(([name, { shape, dtype }]) => [name, { shape, dtype }]));
  /** Results of the last run, until they are kept. */
  let pending: readonly (() => void)[] = [];

  const chosen = (wanted: (name: string) => boolean): [string, Cell][] => [...cells].filter(([name]) => wanted(name));
  const valuesOf = (entries: readonly [string, Cell][]): Flat<HostTensor> =>
    Object.fromEntries(entries.map(([name, { value }]) => [name, value]));
  const prepare = async (
    graph: Graph,
    { isFixed = () => false, ...options }: PrepareOptions = {},
  ): Promise<HostPrepared> => {
    const common = Object.entries(shared?.values ?? {}).filter(([name]) => isFixed(name));
    const whole = withConstants(graph, new Map([...common, ...Object.entries(valuesOf(chosen(isFixed)))]));
    const program = await engine.compile(whole, options);
    return { where: "host", graph: signatureOf(whole), program, dispose: () => program.dispose() };
  };
  const bindTo = ({ graph, program }: HostPrepared): Pick<Program, "run"> => {
    const run = bind(graph, program, { cells, stored, shared: shared?.values ?? {} });
    return {
      async run(feeds, into) {
        pending = [];
        const { others, changes } = await run(feeds, into);
        pending = changes;
        return others;
      },
    };
  };
  return {
    async compile(graph, options) {
      const prepared = await prepare(graph, options);
      return { ...bindTo(prepared), dispose: () => prepared.dispose() };
    },
    prepare,
    bind(prepared) {
      if (prepared.where !== "host") throw new TypeError("a program compiled for a device cannot run on the host");
      return bindTo(prepared);
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
    async writeLane(lane, written) {
      checkLane(lane, written, stored);
      pending = [];
      for (const [name, { data }] of Object.entries(written)) {
        const cell = cells.get(name);
        if (cell) ownValue(cell).data.set(data, lane * data.length);
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
  /** Whether someone else also holds the value, in which case it must never be written to. */
  isHeld: boolean;
  /** Tensors that are no longer read. */
  spares: HostTensor[];
}

type Cells = ReadonlyMap<string, Cell>;

interface Outcome {
  /** Results that are not stored. */
  readonly others: Flat<HostTensor>;
  /** Makes the other results take effect. */
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

/** Replaces the value of a cell with one that someone else holds. */
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

/** A place that a program can take values from. */
interface Sources {
  readonly cells: Cells;
  readonly stored: Stored;
  readonly shared: Flat<HostTensor>;
}

function bind(
  graph: Graph,
  program: Program,
  { cells, stored, shared }: Sources,
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
      const value = cells.get(name)?.value ?? shared[name] ?? feeds[name];
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
