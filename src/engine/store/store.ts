import type { Graph } from "../../graph/graph.ts";
import type { HostTensor } from "../../tensor/host-tensor.ts";
import type { Flat } from "../../tensor/tree.ts";
import { createDeviceStore, shareOnDevice, type DevicePrepared, type DeviceShared } from "./device-store.ts";
import type { CompileOptions, Engine, Program } from "../engine.ts";
import { createHostStore, type HostPrepared, type HostShared } from "./host-store.ts";

/**
 * Named tensors that programs read and replace, such as weights and states. They stay where the engine computes, on the
 * device if it has its own memory, and come to the host on request.
 *
 * One run at a time; nothing else may be called during it.
 */
export interface Store {
  /**
   * A program that takes from the store every input found there. Among its outputs, `next.NAME` replaces NAME of the
   * store, and `rows.NAME` [B, .., C, n] are rows for NAME [B, .., N, n]: in each lane the first `length` go there from
   * `offset` on, two int32 [B] fed to the run. Neither is among the results of a run, and neither takes effect before
   * {@link keep}. A run throws FeedError for rows that do not fit there. May be called while something runs.
   */
  compile(graph: Graph, options?: PrepareOptions): Promise<Program>;
  /**
   * A program as by {@link Store.compile} that other stores of this engine can {@link Store.bind} too, if they have values of the
   * same names and shapes and share the same {@link SharedValues}.
   */
  prepare(graph: Graph, options?: PrepareOptions): Promise<Prepared>;
  /** A prepared program for the values of this store; whoever prepared it disposes of it. */
  bind(prepared: Prepared): Pick<Program, "run">;
  /** Puts the results of the last run into the store. Until then the next run, `write` and `clear` discard them. */
  keep(): void;
  /**
   * The values of the `wanted` names, by default all. On the host they are the tensors themselves, valid until the next
   * `keep`, `write` or `clear`.
   */
  read(wanted?: (name: string) => boolean): Promise<Flat<HostTensor>>;
  /** As {@link read}, but valid for good: the store never writes to them again. */
  hold(wanted?: (name: string) => boolean): Promise<Flat<HostTensor>>;
  /**
   * Replaces the values of the same names. They are neither copied nor written to; values of another name of the store
   * must come from {@link hold}. Throws RangeError for an unknown name.
   */
  write(values: Flat<HostTensor>): void;
  /**
   * Puts values [1, ..] in one lane of those of the same names [B, ..]. They are copied. Throws RangeError for what
   * does not fit.
   */
  writeLane(lane: number, values: Flat<HostTensor>): Promise<void>;
  /** Replaces the values of these names with zeros. */
  clear(wanted: (name: string) => boolean): void;
  /** Frees its values on the device. Programs are disposed of separately. */
  dispose(): Promise<void>;
}

/** How a program is prepared. */
export interface PrepareOptions extends CompileOptions {
  /**
   * Names whose values nothing replaces as long as the program is used. On the host they become part of the program, which takes as
   * much memory as they do and is faster for it. Default: none.
   */
  readonly isFixed?: (name: string) => boolean;
}

/** A program for several stores. */
export type Prepared = HostPrepared | DevicePrepared;

/**
 * Values that stores share and that never change, such as the weights of a model: one copy, on the device if it has its
 * own memory.
 */
export type SharedValues = HostShared | DeviceShared;

/** Values to be shared by stores of this engine. They are neither copied nor written to. */
export function shareValues({ compileResident }: Engine, values: Flat<HostTensor>): SharedValues {
  return compileResident ? shareOnDevice(compileResident, values) : { where: "host", values, dispose: async () => {} };
}

/**
 * A store with these values, which are neither copied nor written to. Its programs take values that it does not have
 * from `shared`, which its creator disposes of.
 */
export function createStore(engine: Engine, values: Flat<HostTensor>, shared?: SharedValues): Store {
  const { compileResident } = engine;
  if (compileResident) {
    if (shared?.where === "host") throw new TypeError("the shared values belong to an engine without its own memory");
    return createDeviceStore(compileResident, values, shared);
  }
  if (shared?.where === "device") throw new TypeError("the shared values are on a device, the store is on the host");
  return createHostStore(engine, values, shared);
}
