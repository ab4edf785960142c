import type { HostTensor } from "../tensor/host-tensor.ts";
import { apply, type Tensor } from "./tensor.ts";

/**
 * A constant that is created once for every caller with the same `kind` and `sizes`, such as a mask or a table that
 * every layer needs, and that is dropped when no graph uses it any more.
 *
 * @param sizes Everything that `make` depends on.
 */
export function sharedConstant(kind: string, sizes: readonly number[], make: () => HostTensor): Tensor {
  const key = `${kind}:${sizes.map((size) => (Object.is(size, -0) ? "-0" : size)).join()}`;
  const known = constants.get(key)?.deref();
  if (known) return known;
  const made: Tensor = apply("constant", [], { value: make() });
  constants.set(key, new WeakRef(made));
  gone.register(made, key);
  return made;
}

// --- internal ---

/** Values are never changed, so callers cannot tell that they share one. */
const constants = new Map<string, WeakRef<Tensor>>();

const gone = new FinalizationRegistry<string>((key) => {
  if (!constants.get(key)?.deref()) constants.delete(key);
});
