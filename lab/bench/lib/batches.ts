import type { Batch } from "../../../src/train/data/batch.ts";
import { floatTensor, intTensor } from "../../../src/tensor/host-tensor.ts";
import type { Stepper } from "../../../src/train/stepper.ts";

/** Lanes of length + 1 tokens as a batch in which each token predicts the next. */
export function nextTokens(tokens: Int32Array, lanes: number, length: number): Batch {
  const shape = [lanes, length];
  const rows = (from: number): Int32Array =>
    Int32Array.from(
      { length: lanes * length },
      (_, i) => tokens[Math.floor(i / length) * (length + 1) + (i % length) + from] ?? 0,
    );
  return {
    tokens: intTensor(shape, rows(0)),
    targets: intTensor(shape, rows(1)),
    weights: floatTensor(shape, new Float32Array(lanes * length).fill(1)),
    startOfSequence: intTensor([lanes], new Int32Array(lanes).fill(1)),
  };
}

/** Consecutive steps on one batch; each returns its loss. */
export function stepsOn(stepper: Stepper, batch: Batch, learningRate: number): () => Promise<number> {
  let done = 0;
  return async () => {
    const { loss } = await stepper.step([batch], learningRate, ++done);
    stepper.keep();
    return loss;
  };
}
