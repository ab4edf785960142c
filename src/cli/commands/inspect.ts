import { Command } from "commander";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { loadModelFolder, MODEL_FILES } from "../../platform/node/model-folder.ts";
import type { ModelConfig } from "../../model/config.ts";
import { forwardFlops, keyValueCacheBytes, memoryFootprints, parameterCount, stateBytes } from "../../model/cost.ts";
import { gatesOf } from "../../model/gates.ts";
import { layersOf } from "../../model/layers.ts";
import type { LayerConfig } from "../../mixers/registry.ts";
import { loadRunConfig } from "./train.ts";
import { jsonOption } from "../terminal/options.ts";
import { formatBytes, formatCount, print, renderTable, styled, writeJson } from "../terminal/output.ts";

export function inspectCommand(): Command {
  return new Command("inspect")
    .description("Show the size of a model, what it remembers with, and its learned gates.")
    .argument("<model>", "a model folder, a preset or a recipe file")
    .addOption(jsonOption())
    .action(runInspect);
}

// --- internal ---

async function runInspect(name: string, { json }: { json?: string }): Promise<void> {
  const trained = existsSync(join(name, MODEL_FILES.config)) ? await loadModelFolder(name) : undefined;
  const config = trained ? trained.model.config : (await loadRunConfig(name)).model;
  const gates = trained ? gatesOf(trained) : undefined;
  const result = {
    parameters: parameterCount(config),
    forwardFlopsPerToken: forwardFlops(config),
    stateBytes: stateBytes(config),
    keyValueCacheBytesAt1M: keyValueCacheBytes(config, 1024 ** 2),
    memoryFootprints: memoryFootprints(config),
    ...(gates && { gates }),
    config,
  };
  print(describe(config), json);
  print(footprintTable(config), json);
  if (gates) print(gateMap(gates), json);
  await writeJson(result, json);
}

function describe(config: ModelConfig): string {
  const rows = [
    ["parameters", formatCount(parameterCount(config))],
    ["layers, width, heads", `${config.numLayers}, ${config.modelDim}, ${config.numHeads} of ${config.headDim}`],
    ["tokens", `${formatCount(config.vocabularySize)}, those of ${config.tokenizer ?? "bytes"}`],
    ["segment", `${config.segmentLength} tokens`],
    ...mixingRows(config),
    ["state of a stream", `${formatBytes(stateBytes(config))}, whatever its length`],
    ["key/value cache at 1 M", formatBytes(keyValueCacheBytes(config, 1024 ** 2))],
  ];
  return rows.map(([label = "", value]) => `${label.padEnd(24)}${value}`).join("\n");
}

/** The memory; where layers differ, what each has, neighbours that are alike in one row. */
function mixingRows(config: ModelConfig): [label: string, mixing: string][] {
  if (!config.layers) return [["memory", config.memory.update]];
  const runs: { mixing: string; first: number; last: number }[] = [];
  layersOf(config).forEach((layer, i) => {
    const mixing = describeLayer(layer);
    const run = runs.at(-1);
    if (run?.mixing === mixing) run.last = i;
    else runs.push({ mixing, first: i, last: i });
  });
  return runs.map(({ mixing, first, last }) => [
    first === last ? `layer ${first}` : `layers ${first} to ${last}`,
    mixing,
  ]);
}

function describeLayer(layer: LayerConfig): string {
  if (layer.kind !== "infini") return layer.kind;
  const { update, heads } = layer.memory;
  return `memory ${update}${heads ? `, key/value heads ${heads.join(", ")}` : ""}`;
}

function footprintTable(config: ModelConfig): string {
  const footprints = memoryFootprints(config);
  const largest = Math.max(...footprints.map(({ entries }) => entries));
  const rows = footprints.map(({ architecture, entries, contextLength }) => {
    const compression = `${(largest / entries).toFixed(1)}x`;
    return [architecture, formatCount(entries), formatBytes(4 * entries), compression, contextLength];
  });
  return renderTable(["memory (table 1)", "numbers kept", "in float32", "compression", "context"], rows);
}

const SHADES = [" ", "░", "▒", "▓", "█"];

/** Figure 3 of the paper in characters: 0 reads the segment only, 1 the memory only. */
function gateMap(gates: readonly number[][]): string {
  const lines = gates.map((heads, layer) => {
    const cells = heads.map(
      (gate) => `${(SHADES[Math.round(gate * (SHADES.length - 1))] ?? "").repeat(2)} ${gate.toFixed(2)}`,
    );
    return `layer ${String(layer).padStart(2)}  ${cells.join("  ")}`;
  });
  return [styled("bold", "gates by layer and head: 0 local, 1 memory"), ...lines].join("\n");
}
