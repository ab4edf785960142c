import type { ModelConfig } from "../config.ts";

/**
 * How one project writes its models: what its config means, and which tensors of its files make up a parameter. Data and pure
 * functions; {@link loadWeights} does the reading.
 */
export interface Family {
  readonly name: string;
  /** Whether a value parsed from `config.json` is of this family. */
  detect(config: unknown): boolean;
  /** The model that a config asks for; `source` names it in errors. Throws ConfigError. */
  config(config: unknown, source: string): ModelConfig;
  /** The tensor of a parameter by its path, as in `blocks.0.attention.query`; of several, the rows are one below the other. */
  names(path: string): readonly [string, ...string[]];
  /** Whether a file may lack a parameter, which then begins as in training. */
  fresh(path: string): boolean;
  /** Whether files with this metadata have matrices as [in, out]. */
  isTransposed(metadata: Readonly<Record<string, string>>): boolean;
}
