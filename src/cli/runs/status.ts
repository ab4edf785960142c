import type { Engine } from "../../engine/engine.ts";
import { measureGemmRate } from "../../engine/gemm-rate.ts";
import { forwardFlops, parameterCount } from "../../model/cost.ts";
import type { RunConfig } from "../../train/config.ts";
import type { StepMetrics } from "../../train/loop.ts";
import { createProgress, formatCount, type Progress } from "../terminal/output.ts";

/** What a person sees while a run is under way. */
export interface Status {
  onStep(metrics: StepMetrics): void;
  onValidation(bitsPerByte: number, best: number): void;
  /** The latest log entry. */
  last(): Partial<StepMetrics>;
  finish(): void;
}

/** One live line: loss, validation, speed and its share of what the machine's matrix product reaches. */
export async function createStatus({ model, training }: RunConfig, engine: Engine): Promise<Status> {
  const gemm = await measureGemmRate(engine);
  const stepFlops = 3 * forwardFlops(model);
  const parameters = formatCount(parameterCount(model));
  process.stderr.write(
    `${parameters} parameters, ${training.steps} steps, matrix products at ${(gemm / 1e9).toFixed(0)} GFLOP/s\n`,
  );
  const progress: Progress = createProgress("train", training.steps, "steps");
  let last: Partial<StepMetrics> = {};
  let validation = "";
  return {
    onStep(metrics) {
      last = metrics;
      const rate = metrics.tokensPerSecond * stepFlops;
      const speed = `${formatCount(metrics.tokensPerSecond)} tokens/s, ${(rate / 1e9).toFixed(0)} GFLOP/s (${((100 * rate) / gemm).toFixed(0)} %)`;
      progress.update(metrics.step, `loss ${metrics.loss.toFixed(3)} | ${validation}${speed}`);
    },
    onValidation(bitsPerByte, best) {
      validation = `validation ${bitsPerByte.toFixed(3)} bits per byte, best ${best.toFixed(3)} | `;
    },
    last: () => last,
    finish: () => progress.stop(),
  };
}
