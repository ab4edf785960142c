import { copyOf, type HostTensor } from "../graph/host-tensor.ts";
import type { Flat } from "../graph/tree.ts";

/**
 * Tensors that runs replace, or write rows of. Those of the run before last are written to again, unless someone else holds
 * them, so that what a stream throws away does not add up.
 */
export interface Register {
  readonly value: Flat<HostTensor>;
  /** Tensors that nobody reads any more, for the next run to write to. */
  readonly spare: Flat<HostTensor>;
  /** Names of values that someone else holds too, so that they must never be written to. */
  readonly shared: ReadonlySet<string>;
}

/** A register with a value that someone else holds too. */
export function sharing(value: Flat<HostTensor>): Register {
  return { value, spare: {}, shared: new Set(Object.keys(value)) };
}

/** The register after a run that has given new tensors for some names, or all. */
export function replaced({ value, spare, shared }: Register, results: Flat<HostTensor>): Register {
  const isNew = (name: string): boolean => results[name] !== undefined && results[name] !== value[name];
  // What this run had no use for serves another one.
  const unused = Object.entries(spare).filter(([name]) => !isNew(name));
  const former = Object.entries(value).filter(([name]) => isNew(name) && !shared.has(name));
  return {
    value: { ...value, ...results },
    spare: Object.fromEntries([...unused, ...former]),
    shared: new Set([...shared].filter((name) => !isNew(name))),
  };
}

/**
 * The register after a run that has given rows [.., C, n] for some of its tensors [.., N, n]. The first `count` of them come
 * to stand from `place` on.
 */
export function withRows(
  { value, spare, shared }: Register,
  rows: Flat<HostTensor>,
  place: number,
  count: number,
): Register {
  const written = Object.entries(rows).map(([name, row]) => {
    const tensor = tensorOf(value, name);
    const own = shared.has(name) ? copyOf(tensor) : tensor;
    writeRows(own, row, place, count);
    return [name, own] as const;
  });
  return {
    value: { ...value, ...Object.fromEntries(written) },
    spare,
    shared: new Set([...shared].filter((name) => !rows[name])),
  };
}

// --- internal ---

function tensorOf(value: Flat<HostTensor>, name: string): HostTensor {
  const tensor = value[name];
  if (!tensor) throw new RangeError(`there is no "${name}"`);
  return tensor;
}

function writeRows({ shape, data }: HostTensor, rows: HostTensor, place: number, count: number): void {
  const [N = 1, n = 1] = shape.slice(-2);
  const [C = 1] = rows.shape.slice(-2);
  for (let i = 0; i < data.length / (N * n); i++) {
    data.set(rows.data.subarray(i * C * n, (i * C + count) * n), (i * N + place) * n);
  }
}
