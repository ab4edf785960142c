import { Command } from "commander";
import { join } from "node:path";
import { readdir } from "node:fs/promises";
import { toJson, writeAtomically } from "../../platform/node/files.ts";
import { loadModelFolder, MODEL_FILES } from "../../platform/node/model-folder.ts";
import { copyTokenizer } from "../../platform/node/tokenizer-file.ts";
import { OPSET_VERSION } from "../../engine/ort/emitters/emitter.ts";
import { writeOnnx } from "../../engine/ort/onnx-writer.ts";
import { standaloneSegment } from "../../runtime/programs.ts";
import { optimize } from "../../graph/passes/optimize.ts";
import type { FloatTensor } from "../../tensor/host-tensor.ts";
import { flatten } from "../../tensor/tree.ts";
import { encodeWeights } from "../../model/checkpoint.ts";
import { UsageError } from "../terminal/errors.ts";
import { print } from "../terminal/output.ts";

export function exportCommand(): Command {
  return new Command("export")
    .description("Write a model as ONNX: one segment, with the state as inputs and outputs, for any ONNX Runtime.")
    .argument("<model>", "a model folder")
    .requiredOption("--out <folder>", "an empty or new folder")
    .action(runExport);
}

// --- internal ---

async function runExport(folder: string, { out }: { out: string }): Promise<void> {
  const present = await readdir(out).catch((): string[] => []);
  if (present.length > 0) throw new UsageError(`--out: ${out} is not empty`);
  const loaded = await loadModelFolder(folder);
  const graph = optimize(standaloneSegment(loaded));
  const shapes = (tensors: typeof graph.outputs): Record<string, unknown> =>
    Object.fromEntries(Object.entries(tensors).map(([name, { dtype, shape }]) => [name, { dtype, shape }]));
  const signature = {
    opset: OPSET_VERSION,
    inputs: shapes(graph.inputs),
    outputs: shapes(graph.outputs),
    usage: "Feed segments in order; each output next.X is the input X of the next segment; all states start as zeros.",
  };
  await writeAtomically(join(out, "model.onnx"), writeOnnx(graph));
  await writeAtomically(join(out, "signature.json"), toJson(signature));
  const config = await copyTokenizer(loaded.model.config, folder, out);
  await writeAtomically(join(out, MODEL_FILES.config), toJson(config));
  await writeAtomically(join(out, MODEL_FILES.weights), encodeWeights(flatten<FloatTensor>(loaded.params)));
  print(`${out} holds model.onnx, its signature and the weights.`);
}
