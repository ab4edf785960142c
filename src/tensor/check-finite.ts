import type { HostTensor } from "./host-tensor.ts";
import { firstNonFinite } from "./number-types.ts";
import { SafetensorsError } from "./safetensors-header.ts";

/**
 * Throws {@link SafetensorsError} for a tensor with an element that is infinite or not a number: everything computed
 * from it would be too, silently.
 *
 * @param source Names the file in the error.
 */
export function checkFinite(tensor: HostTensor, name: string, source: string): void {
  const place = firstNonFinite(tensor);
  if (place >= 0)
    throw new SafetensorsError(`${source}: "${name}" has an element that is not finite, the one at ${place}`);
}
