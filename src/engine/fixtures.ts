import { copyOf, type HostTensor } from "../tensor/host-tensor.ts";
import type { Flat } from "../tensor/tree.ts";
import type { Graph } from "../graph/graph.ts";
import { FeedError, isOnDevice, type DeviceTensor, type Engine, type Program } from "./engine.ts";

/** An engine with its own device memory, simulated by another engine's programs, and a record of what happens there. */
export interface MadeUpDevice {
  readonly engine: Engine;
  /** Tensors alive now. */
  readonly tensors: number;
  /** Bytes that runs have sent to the device and back. */
  readonly moved: { toDevice: number; toHost: number };
}

/** A device in software, for tests: reading a tensor after it was released is an error. */
export function madeUpDevice(host: Engine): MadeUpDevice {
  const there = new Map<DeviceTensor, HostTensor>();
  const moved = { toDevice: 0, toHost: 0 };
  const keep = (value: HostTensor): DeviceTensor => {
    const { dtype, shape } = value;
    const kept = { dtype, shape, release: () => void there.delete(kept) };
    there.set(kept, copyOf(value));
    return kept;
  };
  const engine: Engine = {
    ...host,
    async compileResident(graph, resident) {
      const program = await host.compile(graph);
      return {
        async run(feeds) {
          await Promise.resolve(); // like any other device, which computes later
          const fed = Object.keys(graph.inputs).map((name) => [name, fetched(name, feeds[name])] as const);
          const results = Object.entries(await program.run(Object.fromEntries(fed) as Flat<HostTensor>));
          const stay = results.filter(([name]) => resident.has(name));
          const leave = results.filter(([name]) => !resident.has(name));
          for (const [, { data }] of leave) moved.toHost += data.byteLength;
          return {
            onHost: Object.fromEntries(leave),
            onDevice: Object.fromEntries(stay.map(([name, value]) => [name, keep(value)])),
          };
        },
        dispose: () => program.dispose(),
      };
    },
  };
  function fetched(name: string, value: HostTensor | DeviceTensor | undefined): HostTensor | undefined {
    if (!value) return undefined;
    if (isOnDevice(value)) {
      const found = there.get(value);
      if (!found) throw new FeedError(`input "${name}" has been released`);
      return found;
    }
    moved.toDevice += value.data.byteLength;
    return value;
  }
  return {
    engine,
    get tensors() {
      return there.size;
    },
    moved,
  };
}

/** The engine with each run performed by `run`, which gets the graph and its program. */
export function withRuns(
  engine: Engine,
  run: (graph: Graph, program: Program, ...fed: Parameters<Program["run"]>) => ReturnType<Program["run"]>,
): Engine {
  return {
    ...engine,
    async compile(graph, options) {
      const program = await engine.compile(graph, options);
      return { ...program, run: (feeds, into) => run(graph, program, feeds, into) };
    },
  };
}
