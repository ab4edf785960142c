import type { Batch } from "./data/batch.ts";
import type { Program } from "../engine/engine.ts";
import type { Store } from "../engine/store/store.ts";
import { changeKind, isOf, named, nextValues } from "../graph/names.ts";
import { floatTensor, intTensor, zerosOf, type FloatTensor, type HostTensor } from "../tensor/host-tensor.ts";
import { flatten, merge, type Flat } from "../tensor/tree.ts";
import type { Model, ModelParams } from "../model/transformer.ts";
import type { TrainingConfig } from "./config.ts";
import {
  accumulateGradients,
  compileAll,
  compileStep,
  isTrained,
  segmentBackward,
  segmentForward,
  type TrainedParts,
} from "./programs.ts";
import { scoring } from "./scored.ts";

/** What gradients are of. */
export interface GradientOptions extends TrainedParts {
  readonly model: Model;
  readonly params: ModelParams<FloatTensor>;
  readonly training: TrainingConfig;
}

/** Sum of the write strengths, where the memory chooses. */
export interface WriteStrength {
  readonly writeStrengthSum?: number;
}

/** What a batch has added beside its gradients. */
export interface Added extends WriteStrength {
  readonly loss: number;
}

/** Adds the gradients of a batch to those of the batches before it, `gradients.*` of the store that has the parameters. */
export interface GradientSource {
  add(batch: Batch, rates: Flat<HostTensor>): Promise<Added>;
  dispose(): Promise<void>;
}

/** Gradients of zero, to start from. */
export function noGradients({ model, params, ...parts }: Omit<GradientOptions, "training">): Flat<HostTensor> {
  const trained = isTrained(model, parts);
  const values = Object.entries(flatten<FloatTensor>(params)).filter(([path]) => trained(path));
  return zerosLike(named<FloatTensor>("gradients", Object.fromEntries(values)));
}

/** Whether a name in the store is that of a gradient. */
export const isGradient: (name: string) => boolean = isOf("gradients");

/** Of all segments of a batch in one graph. */
export async function parallelGradients(
  { model, params, training, ...parts }: GradientOptions,
  store: Store,
): Promise<GradientSource> {
  const { shape, pick } = scoring(training);
  const program = await compileStep(store, accumulateGradients(model, params, shape, parts));
  return {
    async add(batch, rates) {
      const outputs = await program.run({ ...rates, ...pick(batch) });
      store.keep();
      return { loss: scalarOf(outputs.loss), ...writeStrengthOf(outputs) };
    },
    dispose: () => program.dispose(),
  };
}

/**
 * One segment after the other, forward and back. A state is kept before every {@link keptEvery}th segment, and those between are
 * computed again from there.
 */
export async function rematerializedGradients(options: GradientOptions, store: Store): Promise<GradientSource> {
  const { model, params, training } = options;
  const { batch: lanes, length } = training;
  const { segmentLength } = model.config;
  const shape = { batch: lanes, length: segmentLength };
  const { forward, backward } = await compileAll(store, {
    forward: segmentForward(model, params, shape),
    backward: segmentBackward(model, params, shape, options),
  });
  const start = named<HostTensor>("state", model.initialState(lanes));
  const count = length / segmentLength;
  const every = keptEvery(count);
  const states = statesBefore(start, count, every);
  const stateSlopes = changeKind(start, "state", "nextStateGradients");
  const slopes = [zerosLike(stateSlopes), zerosLike(stateSlopes)] as const;
  return {
    async add(batch, rates) {
      const segments = states.map((_, s) => cutBatch(batch, s * segmentLength, segmentLength));
      const read = async (from: number, to: number): Promise<void> => {
        for (let s = from; s < to; s++) {
          await forward.run(merge({ ...segments[s] }, states[s] ?? start), nextValues(states[s + 1] ?? {}));
        }
      };
      await read(0, count - 1);
      const restore = async (s: number): Promise<Flat<HostTensor>> => {
        const isOverwritten = s % every === every - 1 && s < count - 1;
        if (isOverwritten) await read(s - every + 1, s);
        return states[s] ?? start;
      };
      return backThrough({ backward, store, segments, restore, slopes, rates });
    },
    async dispose() {
      await forward.dispose();
      await backward.dispose();
    },
  };
}

/** The write strengths among the outputs of a program, where there are any. */
export function writeStrengthOf({ writeStrengthSum }: Flat<HostTensor>): WriteStrength {
  return writeStrengthSum ? { writeStrengthSum: scalarOf(writeStrengthSum) } : {};
}

/** The total with those of one more batch. */
export function addWriteStrength(total: WriteStrength, { writeStrengthSum }: WriteStrength): WriteStrength {
  return writeStrengthSum === undefined
    ? total
    : { writeStrengthSum: (total.writeStrengthSum ?? 0) + writeStrengthSum };
}

/** The number of a scalar; NaN where there is none. */
export function scalarOf(tensor: HostTensor | undefined): number {
  return tensor?.data[0] ?? Number.NaN;
}

// --- internal ---

/**
 * Segments from one state that is kept to the next: of S segments, about 4 sqrt(S) states are kept, for less than one more
 * forward pass.
 */
function keptEvery(segments: number): number {
  return Math.ceil(Math.sqrt(segments) / 4);
}

/** Where the state before each segment goes: to its own tensors where it is kept, to reused ones where it is not. */
function statesBefore(start: Flat<HostTensor>, count: number, every: number): readonly Flat<HostTensor>[] {
  const shared = Array.from({ length: every - 1 }, () => zerosLike(start));
  const own = (s: number): Flat<HostTensor> => (s === 0 ? start : zerosLike(start));
  return Array.from({ length: count }, (_, s) => (s % every === 0 ? own(s) : (shared[(s % every) - 1] ?? start)));
}

interface BackwardPass {
  readonly backward: Program;
  readonly store: Store;
  readonly segments: readonly Batch[];
  readonly rates: Flat<HostTensor>;
  /** The state before a segment. */
  restore(segment: number): Promise<Flat<HostTensor>>;
  /** Two sets of tensors for the gradients of a state, used in turns. */
  readonly slopes: readonly [Flat<HostTensor>, Flat<HostTensor>];
}

async function backThrough(pass: BackwardPass): Promise<Added> {
  const { backward, store, segments, rates } = pass;
  let loss = 0;
  let strength: WriteStrength = {};
  let [incoming, outgoing] = pass.slopes;
  // Nothing comes after the last segment, so its state has no gradient.
  for (const { data } of Object.values(incoming)) data.fill(0);
  for (let s = segments.length - 1; s >= 0; s--) {
    const feeds = merge(rates, { ...segments[s] }, await pass.restore(s), incoming);
    const outputs = await backward.run(feeds, changeKind(outgoing, "nextStateGradients", "stateGradients"));
    store.keep();
    loss += scalarOf(outputs.loss);
    strength = addWriteStrength(strength, writeStrengthOf(outputs));
    [incoming, outgoing] = [outgoing, incoming];
  }
  return { loss, ...strength };
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

function zerosLike(values: Flat<HostTensor>): Flat<HostTensor> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, zerosOf(value)]));
}
