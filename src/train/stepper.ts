import type { Batch } from "../data/batch.ts";
import type { Engine, Program } from "../engine/engine.ts";
import { copyOf, floatTensor, intTensor, zeros, type FloatTensor, type HostTensor } from "../graph/host-tensor.ts";
import { flatten, prefixed, replacePrefix, type Flat } from "../graph/tree.ts";
import type { Model, ModelParams } from "../model/transformer.ts";
import { carriesMemory, type TrainingConfig } from "./config.ts";
import type { Optimizer } from "./optimizer.ts";
import {
  accumulateGradients,
  compileAll,
  segmentBackward,
  segmentForward,
  trainingStep,
  updateStep,
  type BatchShape,
  type UpdateConfig,
} from "./programs.ts";
import { pickScored, scoredTokens, type ScoredBatch } from "./scored.ts";

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

/** Performs training steps on a state of its own. */
export interface Stepper {
  /** The state after the last step that was kept; valid until the next but one. */
  readonly state: TrainingState;
  /** Tries a step with these batches. It takes effect with {@link keep} only. */
  step(batches: readonly Batch[], learningRate: number, step: number): Promise<StepResult>;
  /** Makes the result of the last step the state. */
  keep(): void;
  dispose(): Promise<void>;
}

export interface StepperOptions {
  readonly model: Model;
  readonly params: ModelParams<FloatTensor>;
  readonly optimizer: Optimizer;
  readonly training: TrainingConfig;
  readonly engine: Engine;
  /** State to go on from. Default: the parameters and a fresh optimizer. */
  readonly state?: TrainingState;
}

/** The state before the first step. */
export function initialTrainingState(params: ModelParams<FloatTensor>, optimizer: Optimizer): TrainingState {
  const state: Record<string, HostTensor> = {};
  for (const [name, value] of Object.entries(flatten<FloatTensor>(params))) {
    state[`params.${name}`] = value;
    Object.assign(state, prefixed(`optimizer.${name}`, optimizer.init(value)));
  }
  return state;
}

/** The lanes' memory before the first step, for training that carries it on; nothing for any other. */
export function emptyMemory(
  model: Model,
  training: Pick<TrainingConfig, "carry" | "mixture" | "batch">,
): TrainingState {
  return carriesMemory(training) ? flatten<HostTensor>(model.initialState(training.batch), "memory") : {};
}

/** The state without the lanes' memory. */
export function withoutMemory(state: TrainingState): TrainingState {
  return Object.fromEntries(Object.entries(state).filter(([name]) => !name.startsWith("memory.")));
}

/** Compiles what a run needs: one graph when nothing is accumulated, several otherwise. */
export async function createStepper(options: StepperOptions): Promise<Stepper> {
  const { params, optimizer, training } = options;
  const start = options.state ?? initialTrainingState(params, optimizer);
  let state = copyTensors({ ...emptyMemory(options.model, training), ...start });
  let spare: TrainingState = copyTensors(state);
  const fused = training.accumulate === 1 && training.mode === "parallel";
  const runner = await (fused ? fusedRunner(options) : accumulatingRunner(options));
  return {
    get state() {
      return state;
    },
    async step(batches, learningRate, step) {
      const tokens = training.accumulate * training.batch * training.length;
      const rates = {
        learningRate: scalarTensor(learningRate),
        step: scalarTensor(step),
        writePenalty: scalarTensor(training.writePenalty / tokens),
        writeMargin: scalarTensor(training.writeMargin),
        auxiliaryWeight: scalarTensor(1 / tokens),
      };
      const { written, ...result } = await runner.run(
        normalizeWeights(batches),
        { ...state, ...rates },
        prefixed("next", spare),
      );
      return { ...result, ...(written === undefined ? {} : { writeStrength: written / tokens }) };
    },
    keep() {
      [state, spare] = [spare, state];
    },
    dispose: () => runner.dispose(),
  };
}

// --- internal ---

/** Sum of the write strengths, where the memory chooses. */
interface Written {
  readonly written?: number;
}

interface Runner {
  run(
    batches: readonly Batch[],
    feeds: Flat<HostTensor>,
    into: Flat<HostTensor>,
  ): Promise<Written & Pick<StepResult, "loss" | "gradientNorm">>;
  dispose(): Promise<void>;
}

async function fusedRunner({ model, params, engine, training, optimizer }: StepperOptions): Promise<Runner> {
  const { shape, pick } = scoring(training);
  const update = { ...training, optimizer };
  const program = await engine.compile(trainingStep(model, params, shape, update, carriesMemory(training)));
  return {
    async run(batches, feeds, into) {
      const [batch] = batches.map(pick);
      const outputs = await program.run({ ...feeds, ...batch }, into);
      return { loss: scalarOf(outputs.loss), gradientNorm: scalarOf(outputs.gradientNorm), ...writtenOf(outputs) };
    },
    dispose: () => program.dispose(),
  };
}

async function accumulatingRunner(options: StepperOptions): Promise<Runner> {
  const { params, engine, training, optimizer } = options;
  const update: UpdateConfig = { ...training, optimizer };
  const source = await (training.mode === "parallel" ? parallelGradients(options) : rematerializedGradients(options));
  const program = await engine.compile(updateStep(params, update));
  // Written in turns, by every step: gradients as large as the model would else be allocated for each batch and segment.
  let sums: Sums = { gradients: zerosLike(gradientsLike(params)), spare: zerosLike(gradientsLike(params)) };
  return {
    async run(batches, feeds, into) {
      for (const { data } of Object.values(sums.gradients)) data.fill(0);
      let loss = 0;
      let written: Written = {};
      for (const batch of batches) {
        const result = await source.add(batch, feeds, sums);
        sums = result.sums;
        loss += result.loss;
        written = addWritten(written, result);
      }
      const outputs = await program.run({ ...feeds, ...sums.gradients }, into);
      return { loss, gradientNorm: scalarOf(outputs.gradientNorm), ...written };
    },
    async dispose() {
      await source.dispose();
      await program.dispose();
    },
  };
}

/** The shape of a batch, and how to bring one into it: with the tokens that count alone, where they are few. */
function scoring({ batch, length, mixture }: TrainingConfig): {
  shape: BatchShape;
  pick(batch: Batch): Batch | ScoredBatch;
} {
  const scored = scoredTokens(mixture, length);
  if (scored === undefined) return { shape: { batch, length }, pick: (whole) => whole };
  return { shape: { batch, length, scored }, pick: (whole) => pickScored(whole, scored) };
}

/** Gradients that add up, as `gradients.*`, and tensors of the same names and shapes that the next sums go to. */
interface Sums {
  readonly gradients: Flat<HostTensor>;
  readonly spare: Flat<HostTensor>;
}

interface Added extends Written {
  readonly loss: number;
  readonly sums: Sums;
}

/** Adds the gradients of a batch to those of the batches before it. */
interface GradientSource {
  add(batch: Batch, params: Flat<HostTensor>, sums: Sums): Promise<Added>;
  dispose(): Promise<void>;
}

async function parallelGradients({ model, params, engine, training }: StepperOptions): Promise<GradientSource> {
  const { shape, pick } = scoring(training);
  const program = await engine.compile(accumulateGradients(model, params, shape));
  return {
    async add(batch, feeds, sums) {
      const outputs = await program.run({ ...feeds, ...pick(batch), ...sums.gradients }, prefixed("next", sums.spare));
      return { loss: scalarOf(outputs.loss), sums: turned(sums), ...writtenOf(outputs) };
    },
    dispose: () => program.dispose(),
  };
}

async function rematerializedGradients({ model, params, engine, training }: StepperOptions): Promise<GradientSource> {
  const { batch: lanes, length } = training;
  const { segmentLength } = model.config;
  const shape = { batch: lanes, length: segmentLength };
  const { forward, backward } = await compileAll(engine, {
    forward: segmentForward(model, params, shape),
    backward: segmentBackward(model, params, shape),
  });
  const start = prefixed("state", flatten<HostTensor>(model.initialState(lanes)));
  // Written again by every step, for they are much of what there is: the state before each segment, and its gradients.
  const states = Array.from({ length: length / segmentLength }, (_, s) => (s === 0 ? start : zerosLike(start)));
  const stateSlopes = replacePrefix(start, "state.", "nextStateGradients.");
  const slopes = [zerosLike(stateSlopes), zerosLike(stateSlopes)] as const;
  return {
    async add(batch, feeds, sums) {
      const segments = states.map((_, s) => cutBatch(batch, s * segmentLength, segmentLength));
      for (const [s, after] of states.slice(1).entries()) {
        await forward.run({ ...feeds, ...segments[s], ...states[s] }, prefixed("next", after));
      }
      return backThrough(backward, segments, states, slopes, feeds, sums);
    },
    async dispose() {
      await forward.dispose();
      await backward.dispose();
    },
  };
}

async function backThrough(
  backward: Program,
  segments: readonly Batch[],
  states: readonly Flat<HostTensor>[],
  slopes: readonly [Flat<HostTensor>, Flat<HostTensor>],
  feeds: Flat<HostTensor>,
  before: Sums,
): Promise<Added> {
  let sums = before;
  let loss = 0;
  let written: Written = {};
  let [incoming, outgoing] = slopes;
  // Nothing comes after the last segment, so its state has no gradient.
  for (const { data } of Object.values(incoming)) data.fill(0);
  for (let s = segments.length - 1; s >= 0; s--) {
    const inputs = { ...feeds, ...segments[s], ...states[s], ...incoming, ...sums.gradients };
    const into = replacePrefix(outgoing, "nextStateGradients.", "stateGradients.");
    const outputs = await backward.run(inputs, { ...prefixed("next", sums.spare), ...into });
    loss += scalarOf(outputs.loss);
    written = addWritten(written, writtenOf(outputs));
    sums = turned(sums);
    [incoming, outgoing] = [outgoing, incoming];
  }
  return { loss, sums, ...written };
}

function writtenOf({ written }: Flat<HostTensor>): Written {
  return written ? { written: scalarOf(written) } : {};
}

function addWritten(total: Written, { written }: Written): Written {
  return written === undefined ? total : { written: (total.written ?? 0) + written };
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

/** Tokens start .. start+length-1 of every lane. */
function cutBatch({ tokens, targets, weights, startOfSequence }: Batch, start: number, length: number): Batch {
  const [lanes = 0, total = 0] = tokens.shape;
  const cut = <Data extends Int32Array | Float32Array>(from: Data, to: Data): Data => {
    for (let lane = 0; lane < lanes; lane++) {
      to.set(from.subarray(lane * total + start, lane * total + start + length), lane * length);
    }
    return to;
  };
  const shape = [lanes, length];
  return {
    tokens: intTensor(shape, cut(tokens.data, new Int32Array(lanes * length))),
    targets: intTensor(shape, cut(targets.data, new Int32Array(lanes * length))),
    weights: floatTensor(shape, cut(weights.data, new Float32Array(lanes * length))),
    startOfSequence,
  };
}

/** The sums after a run that has written to the spare ones. */
function turned({ gradients, spare }: Sums): Sums {
  return { gradients: spare, spare: gradients };
}

function gradientsLike(params: ModelParams<FloatTensor>): Flat<HostTensor> {
  return prefixed("gradients", flatten<FloatTensor>(params));
}

function zerosLike(values: Flat<HostTensor>): Flat<HostTensor> {
  return Object.fromEntries(Object.entries(values).map(([name, { shape }]) => [name, zeros(shape)]));
}

function copyTensors(values: Flat<HostTensor>): Flat<HostTensor> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, copyOf(value)]));
}

function scalarTensor(value: number): FloatTensor {
  return floatTensor([], Float32Array.of(value));
}

function scalarOf(tensor: HostTensor | undefined): number {
  return tensor?.data[0] ?? Number.NaN;
}
