/** Compiles programs for WebGPU that are to run nowhere else, and writes those that cannot as JSON. */
import { InferenceSession } from "onnxruntime-node";
import { MEMORY_UPDATES } from "../../src/mixers/infini/config.ts";
import { writeOnnx } from "../../src/engine/ort/onnx-writer.ts";
import { ORT_TARGETS } from "../../src/engine/ort/targets.ts";
import { chunkProgram, commitProgram, segmentsProgram } from "../../src/runtime/programs.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { optimize } from "../../src/graph/passes/optimize.ts";
import type { Flat } from "../../src/tensor/tree.ts";
import type { ModelConfigInput } from "../../src/model/config.ts";
import { tinyMixers } from "../../src/model/fixtures.ts";
import { createModel, freshParams } from "../../src/model/transformer.ts";
import { createRng } from "../../src/base/random.ts";
import { createOptimizer } from "../../src/train/config.ts";
import { tinyRun } from "../../src/train/fixtures.ts";
import { segmentBackward, trainingStep } from "../../src/train/programs.ts";

const mixings: Pick<ModelConfigInput, "memory" | "mixer">[] = [
  ...MEMORY_UPDATES.map((update) => ({ memory: { update, shift: "token" as const } })),
  { memory: { update: "gated-token-delta", featureMap: "dpfp", shift: "convolution", cache: true } },
  ...tinyMixers.map((mixer) => ({ mixer })),
];

const target = ORT_TARGETS.webgpu;

const failures: string[] = [];
for (const mixing of mixings) {
  for (const [name, graph] of Object.entries(programsOf(mixing))) {
    if (Object.keys(graph.outputs).length === 0) continue;
    const problem = await problemOnWebgpu(graph);
    if (problem !== undefined) failures.push(`${name} of ${JSON.stringify(mixing)}: ${problem}`);
  }
}
process.stdout.write(JSON.stringify(failures));

function programsOf(mixing: (typeof mixings)[number]): Flat<Graph> {
  const { model: config, training } = tinyRun({}, mixing);
  const model = createModel(config);
  const params = freshParams(model, createRng(1));
  const loaded = { model, params };
  const [batch, N] = [2, config.segmentLength];
  const update = { ...training, optimizer: createOptimizer(training.optimizer) };
  return {
    training: trainingStep(model, params, { batch, length: 3 * N }, update, false),
    backward: segmentBackward(model, params, { batch, length: N }),
    reading: segmentsProgram(loaded, batch, 2 * N, "state"),
    scoring: segmentsProgram(loaded, batch, 2 * N, "losses"),
    part: chunkProgram(loaded, batch, N, "allLogits"),
    step: chunkProgram(loaded, batch, 1, "logits"),
    commit: commitProgram(loaded, batch),
  };
}

async function problemOnWebgpu(graph: Graph): Promise<string | undefined> {
  try {
    const session = await InferenceSession.create(writeOnnx(optimize(graph, target), target), {
      executionProviders: ["webgpu"],
      extra: { session: { disable_cpu_ep_fallback: "1" } },
      logSeverityLevel: 4,
    });
    await session.release();
    return undefined;
  } catch (error) {
    return String(error);
  }
}
