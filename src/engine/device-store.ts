import { zerosOf, type HostTensor } from "../graph/host-tensor.ts";
import type { Flat } from "../graph/tree.ts";
import { createCopies } from "./device-copies.ts";
import { isOnDevice, type CompileResident, type DeviceTensor, type Program } from "./engine.ts";
import { deviceGraph, DONE } from "./device-graph.ts";
import { checkNames, replacements } from "./store-names.ts";
import type { Store } from "./store.ts";

/**
 * A store on a device. A value that the host has given goes there when a program first reads it; what a run gives stays there until
 * it is replaced.
 */
export function createDeviceStore(compileResident: CompileResident, given: Flat<HostTensor>): Store {
  const values = new Map<string, AnyTensor>(Object.entries(given));
  const copies = createCopies(compileResident);
  let news: Flat<DeviceTensor> = {};

  const put = (name: string, value: AnyTensor): void => {
    release(values.get(name));
    values.set(name, value);
  };
  const forget = (): void => {
    Object.values(news).forEach(release);
    news = {};
  };
  const entriesOf = (names: readonly string[]): [string, AnyTensor][] =>
    names.flatMap((name): [string, AnyTensor][] => {
      const value = values.get(name);
      return value ? [[name, value]] : [];
    });
  const bringOver = async (names: readonly string[]): Promise<void> => {
    const brought = await copies.toDevice(hostTensors(entriesOf(names)));
    for (const [name, value] of Object.entries(brought)) put(name, value);
  };
  const read = async (wanted: (name: string) => boolean = () => true): Promise<Flat<HostTensor>> => {
    const entries = entriesOf([...values.keys()].filter(wanted));
    const inOrder = Object.fromEntries(entries) as Flat<HostTensor>;
    return { ...inOrder, ...(await copies.toHost(deviceTensors(entries))) };
  };
  return {
    async compile(graph) {
      const whole = deviceGraph(graph, values);
      const replaced = replacements(whole, (name) => values.has(name));
      const program = await compileResident(whole, new Set(replaced.keys()));
      const [stored, fed] = divided(Object.keys(whole.inputs), (name) => values.has(name));
      // What a run replaces is fed from the host where it is there: nobody reads it a second time.
      const [, lasting] = divided(stored, (name) => replaced.has(`next.${name}`));
      return {
        async run(feeds, into) {
          forget();
          await bringOver(lasting);
          const ofRun = fed.flatMap((name) => (feeds[name] ? [[name, feeds[name]] as const] : []));
          const results = await program.run(Object.fromEntries([...entriesOf(stored), ...ofRun]));
          const changes = Object.entries(results.onDevice);
          news = Object.fromEntries(changes.map(([output, value]) => [replaced.get(output), value]));
          return copiedInto(results.onHost, into);
        },
        dispose: () => program.dispose(),
      } satisfies Program;
    },
    keep() {
      for (const [name, value] of Object.entries(news)) put(name, value);
      news = {};
    },
    read,
    hold: read,
    write(written) {
      checkNames(Object.keys(written), (name) => values.has(name));
      forget();
      for (const [name, value] of Object.entries(written)) put(name, value);
    },
    clear(wanted) {
      forget();
      for (const [name, value] of values) if (wanted(name)) put(name, zerosOf(value));
    },
    async dispose() {
      forget();
      for (const value of values.values()) release(value);
      await copies.dispose();
    },
  };
}

// --- internal ---

type AnyTensor = HostTensor | DeviceTensor;

function release(value: AnyTensor | undefined): void {
  if (value && isOnDevice(value)) value.release();
}

function hostTensors(entries: readonly [string, AnyTensor][]): Flat<HostTensor> {
  return Object.fromEntries(entries.flatMap(([name, value]) => (isOnDevice(value) ? [] : [[name, value]])));
}

function deviceTensors(entries: readonly [string, AnyTensor][]): Flat<DeviceTensor> {
  return Object.fromEntries(entries.flatMap(([name, value]) => (isOnDevice(value) ? [[name, value]] : [])));
}

function divided(names: readonly string[], isFirst: (name: string) => boolean): [string[], string[]] {
  return [names.filter(isFirst), names.filter((name) => !isFirst(name))];
}

/** The results that were asked for, those that have a place in `into` written to it. */
function copiedInto(results: Flat<HostTensor>, into: Flat<HostTensor> = {}): Flat<HostTensor> {
  const copied = Object.entries(results).flatMap(([name, result]) => {
    if (name === DONE) return [];
    const target = into[name];
    target?.data.set(result.data);
    return [[name, target ?? result] as const];
  });
  return Object.fromEntries(copied);
}
