import type { HostTensor } from "../../tensor/host-tensor.ts";
import type { Flat } from "../../tensor/tree.ts";
import { createCopies } from "./device-copies.ts";
import { isOnDevice, type CompileResident, type DeviceTensor } from "../engine.ts";

/** Named tensors, each on the host or on a device. */
export interface DeviceValues {
  /** Their current locations, by name. */
  readonly all: ReadonlyMap<string, HostTensor | DeviceTensor>;
  /** Replaces the value of a name, which is released. */
  put(name: string, value: HostTensor | DeviceTensor): void;
  /** Brings the values of these names to the device. */
  toDevice(names: readonly string[]): Promise<void>;
  /** The values of these names for the host. */
  toHost(names: readonly string[]): Promise<Flat<HostTensor>>;
  /** Releases all. */
  dispose(): Promise<void>;
}

export function createDeviceValues(compileResident: CompileResident, given: Flat<HostTensor>): DeviceValues {
  const all = new Map<string, HostTensor | DeviceTensor>(Object.entries(given));
  const copies = createCopies(compileResident);
  const put = (name: string, value: HostTensor | DeviceTensor): void => {
    release(all.get(name));
    all.set(name, value);
  };
  const divided = (names: readonly string[]): [Flat<HostTensor>, Flat<DeviceTensor>] => {
    const [onHost, onDevice]: [Record<string, HostTensor>, Record<string, DeviceTensor>] = [{}, {}];
    for (const name of names) {
      const value = all.get(name);
      if (value && isOnDevice(value)) onDevice[name] = value;
      else if (value) onHost[name] = value;
    }
    return [onHost, onDevice];
  };
  return {
    all,
    put,
    async toDevice(names) {
      const [onHost] = divided(names);
      for (const [name, value] of Object.entries(await copies.toDevice(onHost))) put(name, value);
    },
    async toHost(names) {
      const [onHost, onDevice] = divided(names);
      const copied = { ...onHost, ...(await copies.toHost(onDevice)) };
      return Object.fromEntries(names.flatMap((name) => (copied[name] ? [[name, copied[name]]] : [])));
    },
    async dispose() {
      for (const value of all.values()) release(value);
      await copies.dispose();
    },
  };
}

/** Frees a value if it is on a device. */
export function release(value: HostTensor | DeviceTensor | undefined): void {
  if (value && isOnDevice(value)) value.release();
}
