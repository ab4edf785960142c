import { createQueue } from "../../base/queue.ts";
import { signatureOf, type Graph } from "../../graph/graph.ts";
import { nextOf } from "../../graph/names.ts";
import { copyOf, zerosOf, type HostTensor } from "../../tensor/host-tensor.ts";
import type { Flat } from "../../tensor/tree.ts";
import { deviceGraph, DONE } from "./device-graph.ts";
import { createDeviceValues, release, type DeviceValues } from "./device-values.ts";
import {
  checkTargets,
  type CompileResident,
  type DeviceTensor,
  type Program,
  type ResidentProgram,
} from "../engine.ts";
import { checkLane, checkNames, replacements, rowChanges, rowPlace } from "./store-changes.ts";
import type { Store } from "./store.ts";

/** See {@link Store.prepare}. */
export interface DevicePrepared extends Pick<Program, "dispose"> {
  readonly where: "device";
  /** As given, and as run: see device-graph.ts. */
  readonly graph: Graph;
  readonly whole: Graph;
  readonly program: ResidentProgram;
}

/** See {@link SharedValues}. */
export interface DeviceShared extends Pick<DeviceValues, "all" | "toDevice" | "dispose"> {
  readonly where: "device";
}

/** Values on a device for several stores, each sent there when a program first reads it. */
export function shareOnDevice(compileResident: CompileResident, given: Flat<HostTensor>): DeviceShared {
  const { all, toDevice, dispose } = createDeviceValues(compileResident, given);
  const inTurn = createQueue(); // two stores may request the same value at once
  return { where: "device", all, toDevice: (names) => inTurn(() => toDevice(names)), dispose: () => inTurn(dispose) };
}

/**
 * A store on a device. A value from the host goes there when a program first reads it; results of a run stay there
 * until they are replaced.
 */
export function createDeviceStore(
  compileResident: CompileResident,
  given: Flat<HostTensor>,
  shared?: DeviceShared,
): Store {
  const values = createDeviceValues(compileResident, given);
  /** Results of the last run, until they are kept. */
  let pending: Flat<DeviceTensor> = {};
  const forget = (): void => {
    Object.values(pending).forEach(release);
    pending = {};
  };
  const read = (wanted: (name: string) => boolean = () => true): Promise<Flat<HostTensor>> =>
    values.toHost([...values.all.keys()].filter(wanted));
  const prepare = async (graph: Graph): Promise<DevicePrepared> => {
    const whole = deviceGraph(graph, values.all);
    const program = await compileResident(whole, new Set(replacements(whole, values.all).keys()));
    return {
      where: "device",
      graph: signatureOf(graph),
      whole: signatureOf(whole),
      program,
      dispose: () => program.dispose(),
    };
  };
  const bindTo = ({ graph, whole, program }: DevicePrepared): Pick<Program, "run"> => {
    const [rows, replaced] = [rowChanges(graph, values.all), replacements(whole, values.all)];
    const inputs = Object.keys(whole.inputs);
    // A value that a run replaces is fed from the host if it is there: once the result is kept, it is not read again.
    const lasting = inputs.filter((name) => values.all.has(name) && !replaced.has(nextOf(name)));
    const common = inputs.filter((name) => !values.all.has(name) && shared?.all.has(name));
    return {
      async run(feeds, into = {}) {
        forget();
        checkTargets(graph, into);
        if (rows.length > 0) rowPlace(rows, feeds);
        await values.toDevice(lasting);
        if (common.length > 0) await shared?.toDevice(common);
        const fed = inputs.flatMap((name) => {
          const value = values.all.get(name) ?? shared?.all.get(name) ?? feeds[name];
          return value ? [[name, value] as const] : [];
        });
        const results = await program.run(Object.fromEntries(fed));
        const changes = Object.entries(results.onDevice);
        pending = Object.fromEntries(changes.map(([output, value]) => [replaced.get(output), value]));
        return copiedInto(results.onHost, into);
      },
    };
  };
  return {
    async compile(graph) {
      const prepared = await prepare(graph);
      return { ...bindTo(prepared), dispose: () => prepared.dispose() };
    },
    prepare,
    bind(prepared) {
      if (prepared.where !== "device") throw new TypeError("a program compiled for the host cannot run on a device");
      return bindTo(prepared);
    },
    keep() {
      for (const [name, value] of Object.entries(pending)) values.put(name, value);
      pending = {};
    },
    read,
    hold: read,
    write(written) {
      checkNames(Object.keys(written), values.all);
      forget();
      for (const [name, value] of Object.entries(written)) values.put(name, value);
    },
    async writeLane(lane, written) {
      checkLane(lane, written, values.all);
      forget();
      const whole = await values.toHost(Object.keys(written));
      for (const [name, { data }] of Object.entries(written)) {
        const value = whole[name];
        if (!value) continue;
        const copy = copyOf(value);
        copy.data.set(data, lane * data.length);
        values.put(name, copy);
      }
    },
    clear(wanted) {
      forget();
      for (const [name, value] of values.all) if (wanted(name)) values.put(name, zerosOf(value));
    },
    async dispose() {
      forget();
      await values.dispose();
    },
  };
}

// --- internal ---

/** The requested results; those that have a tensor in `into` are written to it. */
function copiedInto(results: Flat<HostTensor>, into: Flat<HostTensor>): Flat<HostTensor> {
  const copied = Object.entries(results).flatMap(([name, result]) => {
    if (name === DONE) return [];
    const target = into[name];
    target?.data.set(result.data);
    return [[name, target ?? result] as const];
  });
  return Object.fromEntries(copied);
}
