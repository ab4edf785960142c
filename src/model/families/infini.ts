import { parseModelConfig } from "../config.ts";
import type { Family } from "./family.ts";

/** Of the weights in a file. Before there was a number, matrices were stored as [in, out]. */
export const WEIGHTS_FORMAT = "2";

/** Our own model folders: a tensor for every parameter, by its path. */
export const infiniFamily: Family = {
  name: "infini-transformer",
  detect: (config) => typeof config === "object" && config !== null && "segmentLength" in config,
  config: parseModelConfig,
  names: (path) => [path],
  fresh: () => false,
  isTransposed: ({ version }) => version === undefined,
};
