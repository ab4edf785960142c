import { parseModelConfig, type ModelConfig, type ModelConfigInput } from "../../src/model/config.ts";
import { parameterCount } from "../../src/model/cost.ts";
import { PLAIN, type System } from "./systems.ts";

/** The width of feed-forward layers is a multiple of it, so that matrix products stay whole vectors. */
const STEP = 8;

export interface Matched {
  readonly config: ModelConfig;
  readonly parameters: number;
  /** (parameters - target) / target. */
  readonly deviation: number;
}

/** The config with the feed-forward width that brings its number of weights closest to `target`. */
export function matchParameters(config: ModelConfig, target: number): Matched {
  const at = (width: number): ModelConfig => ({ ...config, feedForwardDim: width });
  // The number of weights is linear in the width.
  const [one, two] = [parameterCount(at(STEP)), parameterCount(at(2 * STEP))];
  const steps = Math.max(1, Math.round(1 + (target - one) / (two - one)));
  const matched = at(steps * STEP);
  const parameters = parameterCount(matched);
  return { config: matched, parameters, deviation: (parameters - target) / target };
}

/** A system in a model of this shape, with as many weights as a plain transformer of that shape. */
export function matchedSystem(system: System, shape: ModelConfigInput): Matched {
  const target = parameterCount(parseModelConfig({ ...shape, ...PLAIN }));
  return matchParameters(parseModelConfig({ ...shape, ...system.mixing(shape) }, system.name), target);
}
