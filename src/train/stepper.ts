import { OptionError } from "../base/errors.ts";
import type { Batch } from "./data/batch.ts";
import type { Engine } from "../engine/engine.ts";
import { isOf, named, nameOf, pathsOf } from "../graph/names.ts";
import { createStore, type Store } from "../engine/store/store.ts";
import { floatTensor, type FloatTensor, type HostTensor } from "../tensor/host-tensor.ts";
import { flatten, prefixed, type Flat } from "../tensor/tree.ts";
import type { Model, ModelParams } from "../model/transformer.ts";
import { carriesMemory, type TrainingConfig } from "./config.ts";
import {
  addWriteStrength,
  isGradient,
  noGradients,
  parallelGradients,
  rematerializedGradients,
  scalarOf,
  writeStrengthOf,
  type GradientOptions,
  type WriteStrength,
} from "./gradients.ts";
import type { Optimizer } from "./optimizer.ts";
import { compileStep, isTrained, trainingStep, updateStep, type UpdateConfig } from "./programs.ts";
import { scoring } from "./scored.ts";

/** Everything that a step changes: `params.*`, `optimizer.*` and, where it is carried on, the lanes' `memory.*`. */
export type TrainingState = Flat<HostTensor>;

export interface StepResult {
  /** Weighted mean of the cross-entropy, in nats for each token that counts. */
  readonly loss: number;
  /** Global norm of the gradients before clipping. */
  readonly gradientNorm: number;
  /** Mean strength in 0..1 at which tokens are written to the memory; for memories that choose. */
  readonly writeStrength?: number;
}

/** Performs training steps on its own state. */
export interface Stepper {
  /** The state after the last step that was kept; good until the next step but one. */
  state(): Promise<TrainingState>;
  /** Tries a step with these batches. It takes effect with {@link keep} only. */
  step(batches: readonly Batch[], learningRate: number, step: number): Promise<StepResult>;
  /** Makes the result of the last step the state. */
  keep(): void;
  dispose(): Promise<void>;
}

/** Gradients by path to gradients by path. */
export type Reduce = (gradients: Flat<HostTensor>) => Flat<HostTensor> | Promise<Flat<HostTensor>>;

export interface StepperOptions extends GradientOptions {
  readonly engine: Engine;
  readonly optimizer: Optimizer;
  /**
   * From the gradients of the step, by path of the parameter, to those that the update takes: of several machines, the mean. All of
   * them must get the same. Default: as they are. Not with memory that lanes carry.
   */
  readonly reduce?: Reduce | undefined;
  /** State to continue from. Default: the parameters and a fresh optimizer. */
  readonly state?: TrainingState;
}

/** The state before the first step; the optimizer has one of what is trained alone, by default all. */
export function initialTrainingState(
  params: ModelParams<FloatTensor>,
  optimizer: Optimizer,
  trained: (path: string) => boolean = () => true,
): TrainingState {
  const state: Record<string, HostTensor> = {};
  for (const [name, value] of Object.entries(flatten<FloatTensor>(params))) {
    state[nameOf("params", name)] = value;
    if (trained(name)) Object.assign(state, named("optimizer", prefixed(name, optimizer.init(value))));
  }
  return state;
}

/** The lanes' memory before the first step, for training that carries it on; nothing for any other. */
export function emptyMemory(
  model: Model,
  training: Pick<TrainingConfig, "carry" | "mixture" | "batch">,
): TrainingState {
  return carriesMemory(training) ? named<HostTensor>("memory", model.initialState(training.batch)) : {};
}

/** The state without the lanes' memory. */
export function withoutMemory(state: TrainingState): TrainingState {
  const isMemory = isOf("memory");
  return Object.fromEntries(Object.entries(state).filter(([name]) => !isMemory(name)));
}

/** Compiles what a run needs: one graph when nothing is accumulated, several otherwise. */
export async function createStepper(options: StepperOptions): Promise<Stepper> {
  const { params, optimizer, training } = options;
  const start = options.state ?? initialTrainingState(params, optimizer, isTrained(options.model, options));
  const isFused = training.accumulate === 1 && training.mode === "parallel" && !options.reduce;
  if (options.reduce && carriesMemory(training))
    throw new OptionError("reduce: is not for training that carries memory from step to step");
  const gradients = isFused ? {} : noGradients(options);
  const store = createStore(options.engine, { ...emptyMemory(options.model, training), ...start, ...gradients });
  const runner = await (isFused ? fusedRunner(options, store) : accumulatingRunner(options, store));
  return {
    state: () => store.read((name) => !isGradient(name)),
    async step(batches, learningRate, step) {
      const tokens = training.accumulate * training.batch * training.length;
      const rates = {
        learningRate: scalarTensor(learningRate),
        step: scalarTensor(step),
        writePenalty: scalarTensor(training.writePenalty / tokens),
        writeMargin: scalarTensor(training.writeMargin),
        auxiliaryWeight: scalarTensor(1 / tokens),
      };
      const { writeStrengthSum, ...result } = await runner.run(normalizeWeights(batches), rates);
      return { ...result, ...(writeStrengthSum === undefined ? {} : { writeStrength: writeStrengthSum / tokens }) };
    },
    keep: () => store.keep(),
    async dispose() {
      await store.dispose();
      await runner.dispose();
    },
  };
}

// --- internal ---

interface Runner {
  run(
    batches: readonly Batch[],
    rates: Flat<HostTensor>,
  ): Promise<WriteStrength & Pick<StepResult, "loss" | "gradientNorm">>;
  dispose(): Promise<void>;
}

async function fusedRunner(
  { model, params, training, optimizer, ...parts }: StepperOptions,
  store: Store,
): Promise<Runner> {
  const { shape, pick } = scoring(training);
  const update = { ...training, optimizer };
  const program = await compileStep(store, trainingStep(model, params, shape, update, carriesMemory(training), parts));
  return {
    async run(batches, rates) {
      const [batch] = batches.map(pick);
      const outputs = await program.run({ ...rates, ...batch });
      return {
        loss: scalarOf(outputs.loss),
        gradientNorm: scalarOf(outputs.gradientNorm),
        ...writeStrengthOf(outputs),
      };
    },
    dispose: () => program.dispose(),
  };
}

async function accumulatingRunner(options: StepperOptions, store: Store): Promise<Runner> {
  const { model, params, training, optimizer } = options;
  const update: UpdateConfig = { ...training, optimizer };
  const gradientsOf = training.mode === "parallel" ? parallelGradients : rematerializedGradients;
  const source = await gradientsOf(options, store);
  const program = await compileStep(store, updateStep(model, params, update, options));
  return {
    async run(batches, rates) {
      store.clear(isGradient);
      let loss = 0;
      let strength: WriteStrength = {};
      for (const batch of batches) {
        const result = await source.add(batch, rates);
        loss += result.loss;
        strength = addWriteStrength(strength, result);
      }
      if (options.reduce) {
        const reduced = await options.reduce(pathsOf("gradients", await store.read(isGradient)));
        store.write(named("gradients", reduced));
      }
      const outputs = await program.run(rates);
      return { loss, gradientNorm: scalarOf(outputs.gradientNorm), ...strength };
    },
    async dispose() {
      await source.dispose();
      await program.dispose();
    },
  };
}

/** Weights that sum to one over all batches, so that every way of adding up gives the same loss. */
function normalizeWeights(batches: readonly Batch[]): Batch[] {
  const total = batches.reduce((sum, { weights }) => sum + weights.data.reduce((a, b) => a + b, 0), 0);
  const scale = total > 0 ? 1 / total : 0;
  return batches.map((batch) => ({
    ...batch,
    weights: floatTensor(
      batch.weights.shape,
      batch.weights.data.map((w) => w * scale),
    ),
  }));
}

function scalarTensor(value: number): FloatTensor {
  return floatTensor([], Float32Array.of(value));
}
