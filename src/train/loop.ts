import { InfiniError } from "../base/errors.ts";
import type { Batches } from "./data/batch.ts";
import { learningRateAt, type TrainingConfig } from "./config.ts";
import type { Stepper, TrainingState } from "./stepper.ts";

/** What is logged of a step. */
export interface StepMetrics {
  /** Counted from 1. */
  readonly step: number;
  /** Nats for each token that counts. */
  readonly loss: number;
  readonly gradientNorm: number;
  readonly learningRate: number;
  /** Mean strength in 0..1 at which tokens are written to the memory; for memories that choose. */
  readonly writeStrength?: number;
  readonly tokensPerSecond: number;
}

/** A loss or gradient that is not finite. The last checkpoint is untouched. */
export class DivergedError extends InfiniError {
  override name = "DivergedError";
  readonly code = "ERR_DIVERGED";
}

/** Looks at what training has come to, on its way. It changes nothing. */
export interface Validation {
  /** Steps between two of them; the last step of a run has one too. Default: `checkpointEvery`. */
  readonly every?: number | undefined;
  /** Called before the state is saved. */
  run(state: TrainingState, step: number): Promise<void>;
}

export interface TrainOptions {
  readonly stepper: Stepper;
  readonly training: TrainingConfig;
  readonly batches: Batches;
  /** Steps done before, whose state the stepper holds. Default 0. */
  readonly fromStep?: number;
  /** Last step of this call. Default: that of the config. */
  readonly toStep?: number;
  /** Stops after the current step; the state is saved first. */
  readonly signal?: AbortSignal;
  onStep(metrics: StepMetrics): void | Promise<void>;
  readonly validation?: Validation | undefined;
  /** Called every `checkpointEvery` steps, at the end and when stopped. */
  save(state: TrainingState, step: number): Promise<void>;
}

/** Trains and returns the last step done. Throws {@link DivergedError} when a step gives no finite loss. */
export async function train(options: TrainOptions): Promise<number> {
  const { stepper, training, batches, fromStep = 0, toStep = training.steps, signal } = options;
  const { accumulate, batch, length, steps, checkpointEvery } = training;
  const { every = checkpointEvery } = options.validation ?? {};
  let saved = fromStep;
  let step = fromStep;
  while (step < toStep && !signal?.aborted) {
    const started = performance.now();
    step += 1;
    const learningRate = learningRateAt(step, training);
    const data = Array.from({ length: accumulate }, (_, i) => batches.at((step - 1) * accumulate + i));
    const result = await stepper.step(data, learningRate, step);
    const { loss, gradientNorm } = result;
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
      // The state before it is at fault too, as like as not: what was saved last stays.
      throw new DivergedError(
        `step ${step}: the loss is ${loss}, the gradient norm ${gradientNorm}; the checkpoint holds step ${saved}`,
      );
    }
    stepper.keep();
    const seconds = (performance.now() - started) / 1000;
    const tokensPerSecond = (accumulate * batch * length) / seconds;
    await options.onStep({ step, ...result, learningRate, tokensPerSecond });
    if (step % every === 0 || step === steps) await options.validation?.run(await stepper.state(), step);
    if (step % checkpointEvery === 0) {
      await options.save(await stepper.state(), step);
      saved = step;
    }
  }
  if (saved < step) await options.save(await stepper.state(), step);
  return step;
}
