import type { HostTensor } from "../graph/host-tensor.ts";
import type { Flat } from "../graph/tree.ts";

/**
 * Tensors that every run replaces. Those of the run before last are written to again, so that a stream of any length
 * makes no garbage; unless someone else holds them.
 */
export interface Register {
  readonly value: Flat<HostTensor>;
  /** Tensors that nobody reads any more, for the next run to write to. */
  readonly spare: Flat<HostTensor>;
  /** Whether someone else holds the value, so that it must never be written to. */
  readonly shared: boolean;
}

/** A register with a value that someone else holds too. */
export function sharing(value: Flat<HostTensor>): Register {
  return { value, spare: {}, shared: true };
}

/** The register after a run that has given new tensors for some names, or all. */
export function replaced({ value, shared }: Register, results: Flat<HostTensor>): Register {
  const former = Object.entries(value).filter(([name]) => results[name] && results[name] !== value[name]);
  return { value: { ...value, ...results }, spare: shared ? {} : Object.fromEntries(former), shared: false };
}
