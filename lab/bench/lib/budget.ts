import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import passkey from "../../../models/passkey/config.json" with { type: "json" };
import { chunkProgram, commitProgram, segmentsProgram } from "../../../src/runtime/programs.ts";
import { blockSizeOf } from "../../../src/runtime/runtime-programs.ts";
import type { Graph } from "../../../src/graph/graph.ts";
import { optimize } from "../../../src/graph/passes/optimize.ts";
import { trafficOf, type Traffic } from "../../../src/graph/passes/traffic.ts";
import { parseModelConfig } from "../../../src/model/config.ts";
import type { LoadedModel } from "../../../src/model/transformer.ts";
import { createOptimizer, parseRunConfig, type RunConfig } from "../../../src/train/config.ts";
import { presets } from "../../../src/train/presets.ts";
import { trainingStep } from "../../../src/train/programs.ts";
import { benchTraining, withFreshWeights } from "./models.ts";

/** The most that each configuration may compute and move, by its name. */
export type Budget = Readonly<Record<string, Traffic>>;

export const BUDGET_FILE = fileURLToPath(new URL("../budget.json", import.meta.url));
export const UPDATE_COMMAND = "npm run bench -- --update-budget";

/** Below this share of its budget a configuration has room that a later change could use up unnoticed. */
const SLACK = 0.98;

/** The graphs that have a budget, each built on demand. */
export const BUDGETED: Readonly<Record<string, () => Graph>> = {
  "training step, 3.28 M": () => trainingGraph(benchTraining()),
  "training step, nano": () => trainingGraph(parseRunConfig(presets.nano)),
  "block that is read, shipped model": () => {
    const loaded = shippedModel();
    return segmentsProgram(loaded, 1, blockSizeOf(loaded.model.config, 1), "state");
  },
  "decode step, shipped model": () => chunkProgram(shippedModel(), 1, 1, "logits"),
  "end of a segment, shipped model": () => commitProgram(shippedModel(), 1),
};

/** What the configurations compute and move with the current code. */
export function currentTraffic(): Budget {
  return Object.fromEntries(Object.entries(BUDGETED).map(([name, build]) => [name, trafficOf(optimize(build()))]));
}

/** What is wrong with a configuration, in words that say what to do; nothing if it keeps to its budget. */
export function budgetProblem(name: string, now: Traffic, budget: Traffic | undefined): string | undefined {
  if (!budget) return `${name} has no budget yet: ${UPDATE_COMMAND}`;
  const differences = (["operations", "bytes"] as const).map((what) => ({
    what,
    now: now[what],
    budget: budget[what],
  }));
  const over = differences.filter((entry) => entry.now > entry.budget).map(inWords);
  const under = differences.filter((entry) => entry.now < SLACK * entry.budget).map(inWords);
  if (over.length > 0) {
    return `${name} does more than its budget: ${over.join("; ")}. If that is worth it, raise it by ${UPDATE_COMMAND}, and say why in the commit`;
  }
  return under.length > 0
    ? `${name} does less than before: ${under.join("; ")}. Keep it: ${UPDATE_COMMAND}`
    : undefined;
}

/** The budget of record. */
export async function readBudget(file = BUDGET_FILE): Promise<Budget> {
  return JSON.parse(await readFile(file, "utf8")) as Budget;
}

/** Makes the current figures the budget. Returns what has changed, a line for each figure. */
export async function updateBudget(file = BUDGET_FILE): Promise<readonly string[]> {
  const before = await readBudget(file).catch((): Budget => ({}));
  const now = currentTraffic();
  await writeFile(file, `${JSON.stringify(now, null, 2)}\n`);
  return Object.entries(now).flatMap(([name, traffic]) =>
    (["operations", "bytes"] as const)
      .filter((what) => before[name]?.[what] !== traffic[what])
      .map((what) => `${name}: ${inWords({ what, now: traffic[what], budget: before[name]?.[what] ?? 0 })}`),
  );
}

// --- internal ---

function inWords({ what, now, budget }: { what: string; now: number; budget: number }): string {
  const change = budget > 0 ? ` (${now > budget ? "+" : ""}${((100 * now) / budget - 100).toFixed(1)} %)` : "";
  return `${now.toLocaleString("en-US")} ${what}, budget ${budget.toLocaleString("en-US")}${change}`;
}

function trainingGraph({ model: config, training }: RunConfig): Graph {
  const { model, params } = withFreshWeights(config);
  const optimizer = createOptimizer(training.optimizer);
  return trainingStep(model, params, training, { ...training, optimizer }, false);
}

function shippedModel(): LoadedModel {
  return withFreshWeights(parseModelConfig(passkey));
}
