/** Kinds of memory side by side: the files of results, their tables and plots. */
import { parseConfig } from "../../src/base/parse-config.ts";
import { experimentSchema, type Experiment } from "./experiments.ts";
import { comparisonSchema, type Comparison } from "./results.ts";

export { distancePlot, factsPlot, factsTable, passkeyTable, recallTable } from "./experiment-tables.ts";
export type { Experiment } from "./experiments.ts";
export { lengthPlot, lossPlot, memoryPlot, positionPlot, type Plot, type PlotLine } from "./plots.ts";
export type { Comparison, Mean, SystemResult } from "./results.ts";
export { costTable, lengthTable, positionTable, tableTwo, type TextTable } from "./tables.ts";

/** What `npm run lab -- compare` wrote, checked. Throws ConfigError that names the source and every key at fault. */
export function parseComparison(value: unknown, source = "comparison"): Comparison {
  return parseConfig(comparisonSchema, value, source);
}

/**
 * What `npm run reproduce` wrote about an experiment, checked. Throws ConfigError that names the source and every key
 * at fault.
 */
export function parseExperiment(value: unknown, source = "experiment"): Experiment {
  return parseConfig(experimentSchema, value, source);
}
