import { nextOf } from "../../graph/names.ts";
import { zerosOf, type HostTensor } from "../../tensor/host-tensor.ts";
import type { Flat } from "../../tensor/tree.ts";
import { deviceGraph, DONE } from "./device-graph.ts";
import { createDeviceValues, release } from "./device-values.ts";
import { checkTargets, type CompileResident, type DeviceTensor } from "../engine.ts";
import { checkNames, replacements, rowChanges, rowPlace } from "./store-changes.ts";
import type { Store } from "./store.ts";

/**
 * A store on a device. A value that the host has given goes there when a program first reads it; what a run gives stays there until
 * it is replaced.
 */
export function createDeviceStore(compileResident: CompileResident, given: Flat<HostTensor>): Store {
  const values = createDeviceValues(compileResident, given);
  /** What the last run gave, until it is kept. */
  let pending: Flat<DeviceTensor> = {};
  const forget = (): void => {
    Object.values(pending).forEach(release);
    pending = {};
  };
  const read = (wanted: (name: string) => boolean = () => true): Promise<Flat<HostTensor>> =>
    values.toHost([...values.all.keys()].filter(wanted));
  return {
    async compile(graph) {
      const [rows, whole] = [rowChanges(graph, values.all), deviceGraph(graph, values.all)];
      const replaced = replacements(whole, values.all);
      const program = await compileResident(whole, new Set(replaced.keys()));
      const inputs = Object.keys(whole.inputs);
      // What a run replaces is fed from the host where it is there: once it is kept, nobody reads it a second time.
      const lasting = inputs.filter((name) => values.all.has(name) && !replaced.has(nextOf(name)));
      return {
        async run(feeds, into = {}) {
          forget();
          checkTargets(graph, into);
          if (rows.length > 0) rowPlace(rows, feeds);
          await values.toDevice(lasting);
          const fed = inputs.flatMap((name) => {
            const value = values.all.get(name) ?? feeds[name];
            return value ? [[name, value] as const] : [];
          });
          const results = await program.run(Object.fromEntries(fed));
          const changes = Object.entries(results.onDevice);
          pending = Object.fromEntries(changes.map(([output, value]) => [replaced.get(output), value]));
          return copiedInto(results.onHost, into);
        },
        dispose: () => program.dispose(),
      };
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

/** The results that were asked for, those that have a place in `into` written to it. */
function copiedInto(results: Flat<HostTensor>, into: Flat<HostTensor>): Flat<HostTensor> {
  const copied = Object.entries(results).flatMap(([name, result]) => {
    if (name === DONE) return [];
    const target = into[name];
    target?.data.set(result.data);
    return [[name, target ?? result] as const];
  });
  return Object.fromEntries(copied);
}
