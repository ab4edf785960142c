import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { optimize } from "../../../src/graph/passes/optimize.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { parseModelConfig } from "../../../src/model/config.ts";
import { segmentsProgram } from "../../../src/runtime/programs.ts";
import { answer, childSettings } from "../lib/child.ts";
import { withFreshWeights } from "../lib/models.ts";

/** Constants in the graph of a block of two segments, as built and as compiled. */
const { folder } = childSettings<{ folder: string }>();
const config = parseModelConfig(JSON.parse(await readFile(join(folder, "config.json"), "utf8")));
const graph = segmentsProgram(withFreshWeights(config), 1, 2 * config.segmentLength, "logits");
answer({ constants: constantsOf(graph), constantsCompiled: constantsOf(optimize(graph)) });

function constantsOf({ nodes }: Graph): number {
  return nodes.filter(({ op }) => op === "constant").length;
}
