import { intTensor, floatTensor, sizeOf, type FloatTensor, type HostTensor } from "../tensor/host-tensor.ts";
import type { Batch, Batches } from "./data/batch.ts";
import { createBatches } from "./data/batches.ts";
import type { Engine } from "../engine/engine.ts";
import { createNodeEngine } from "../engine/ort/ort-node.ts";
import { evaluate, type NumericTensor } from "../engine/reference/reference.ts";
import { input, mul } from "../graph/builder.ts";
import { createGraph, type Graph } from "../graph/graph.ts";
import type { Flat } from "../tensor/tree.ts";
import type { ModelConfigInput } from "../model/config.ts";
import { createModel, freshParams } from "../model/transformer.ts";
import { createRng } from "../base/random.ts";
import { createOptimizer, parseRunConfig, type RunConfig, type RunConfigInput } from "./config.ts";
import type { Optimizer, ParameterGroup } from "./optimizer.ts";
import { createStepper, type Stepper, type TrainingState } from "./stepper.ts";

/* What the tests of training share. */

/** A run of a model with some twelve hundred weights. */
export function tinyRun(
  training: Partial<RunConfigInput["training"]> = {},
  model: Partial<ModelConfigInput> = {},
): RunConfig {
  const shape = {
    vocabularySize: 16,
    modelDim: 8,
    numLayers: 2,
    numHeads: 2,
    headDim: 4,
    feedForwardDim: 8,
    segmentLength: 4,
    ...model,
  };
  return parseRunConfig({ model: shape, training: { steps: 6, batch: 2, length: 12, warmupSteps: 0, ...training } });
}

let shared: Promise<Engine> | undefined;

/** One thread of ONNX Runtime. */
export function testEngine(): Promise<Engine> {
  return (shared ??= createNodeEngine({ threads: 1 }));
}

/** A stepper as `train` would make it; `optimizer` replaces the one of the config. */
export async function stepperOf(
  { model, training }: RunConfig,
  options: { optimizer?: Optimizer; state?: TrainingState; engine?: Engine } = {},
): Promise<Stepper> {
  const created = createModel(model);
  const params = freshParams(created, createRng(training.seed).fork("params"));
  const [optimizer, engine] = [createOptimizer(training.optimizer), await testEngine()];
  return createStepper({ model: created, params, optimizer, training, engine, ...options });
}

/** Batches of made-up text for a run, as many as are asked for. */
export function batchesOf({ model, training }: RunConfig): Batches {
  const rng = createRng(7);
  const tokens = Uint8Array.from({ length: 500 }, () => rng.integer(model.vocabularySize));
  return createBatches({ ...training, documents: [{ name: "noise", tokens }] });
}

/** Random tokens; each weighs between 0.5 and 1.5. */
export function randomBatch(batch: number, length: number, seed: number, vocabularySize = 16): Batch {
  const rng = createRng(seed);
  const shape = [batch, length];
  const tokens = (): Int32Array => Int32Array.from({ length: batch * length }, () => rng.integer(vocabularySize));
  const weights = Float32Array.from({ length: batch * length }, () => 0.5 + rng.uniform());
  return {
    tokens: intTensor(shape, tokens()),
    targets: intTensor(shape, tokens()),
    weights: floatTensor(shape, weights),
    startOfSequence: intTensor([batch], new Int32Array(batch).fill(1)),
  };
}

/** The tensor of a name. */
export function tensorOf<T>(tensors: Flat<T>, name: string): T {
  const tensor = tensors[name];
  if (!tensor) throw new RangeError(`there is no "${name}"`);
  return tensor;
}

/** A state that later steps leave alone. */
export function copyOf(state: TrainingState): Record<string, HostTensor> {
  return Object.fromEntries(
    Object.entries(state).map(([name, value]) => [name, { ...value, data: value.data.slice() }]),
  );
}

/** Random numbers of the normal distribution. */
export function normals(shape: readonly number[], seed: number, scale = 1): FloatTensor {
  const rng = createRng(seed);
  return floatTensor(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, () => rng.normal() * scale),
  );
}

/** Ways to compute one graph many times, and how exact each is. */
export const computers: Readonly<Record<string, { tolerance: number; compile(graph: Graph): Promise<Compute> }>> = {
  "double precision": { tolerance: 1e-6, compile: async (graph) => async (feeds) => evaluate(graph, feeds) },
  "ONNX Runtime": {
    tolerance: 1e-5,
    async compile(graph) {
      const program = await (await testEngine()).compile(graph);
      return (feeds) => {
        const entries = Object.entries(feeds).map(
          ([name, { shape, data }]) => [name, floatTensor(shape, Float32Array.from(data))] as const,
        );
        return program.run(Object.fromEntries(entries));
      };
    },
  },
};

export type Compute = (feeds: Flat<NumericTensor>) => Promise<Flat<NumericTensor>>;

export interface OptimizerRun {
  readonly parameter: FloatTensor;
  /** One for each step. */
  readonly gradients: readonly FloatTensor[];
  readonly learningRates: readonly number[];
  readonly group: ParameterGroup;
}

/** `parameter` and the parts of the state after each step of an optimizer, which is given the gradients clipped from twice their size. */
export async function runOptimizer(
  optimizer: Optimizer,
  { parameter, gradients, learningRates, group }: OptimizerRun,
  compile: (graph: Graph) => Promise<Compute>,
): Promise<Flat<NumericTensor>[]> {
  const { shape } = parameter;
  const initial = optimizer.init(parameter);
  const parts = Object.entries(initial).map(([part, value]) => [part, input(part, value.shape)] as const);
  const updated = optimizer.update({
    parameter: input("parameter", shape),
    gradient: mul(input("gradient", shape), 2),
    clip: input("clip", []),
    state: Object.fromEntries(parts),
    group,
    learningRate: input("learningRate", []),
    step: input("step", []),
  });
  const results = Object.entries({ parameter: updated.parameter, ...updated.state });
  const compute = await compile(
    createGraph(Object.fromEntries(results.map(([name, value]) => [`next.${name}`, value]))),
  );
  let values: Flat<NumericTensor> = { parameter, ...initial };
  const history: Flat<NumericTensor>[] = [];
  for (const [i, gradient] of gradients.entries()) {
    const scalars = { clip: scalar(0.5), learningRate: scalar(learningRates[i] ?? 0), step: scalar(i + 1) };
    const outputs = await compute({ ...values, gradient, ...scalars });
    values = Object.fromEntries(results.map(([name]) => [name, tensorOf(outputs, `next.${name}`)]));
    history.push(values);
  }
  return history;
}

// --- internal ---

function scalar(value: number): NumericTensor {
  return { shape: [], data: [value] };
}
