/** What everything else builds on: errors, checked configs and seeded random numbers. */
export { InfiniError, OptionError } from "./errors.ts";
export { ConfigError } from "./parse-config.ts";
export { createRng, type Rng } from "./random.ts";
