import type { Family } from "./family.ts";
import { infiniFamily } from "./infini.ts";

/** Every family, those that are the hardest to mistake first. */
export const FAMILIES: readonly Family[] = [infiniFamily];

/** The family that a config is of; our own where none claims it, whose schema then says what is wrong. */
export function familyOf(config: unknown): Family {
  return FAMILIES.find((family) => family.detect(config)) ?? infiniFamily;
}
