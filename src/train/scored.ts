import type { Batch } from "./data/batch.ts";
import { mostScored, type Mixture } from "./data/mixture.ts";
import { floatTensor, intTensor, type FloatTensor, type IntTensor } from "../tensor/host-tensor.ts";
import type { TrainingConfig } from "./config.ts";
import type { BatchShape } from "./programs.ts";

/** A batch of which some tokens count in the loss alone, as rows of its [B * T] tokens. */
export interface ScoredBatch {
  readonly tokens: IntTensor; // [B, T]
  readonly startOfSequence: IntTensor; // [B]
  readonly rows: IntTensor; // [R]
  readonly targets: IntTensor; // [R]
  readonly weights: FloatTensor; // [R]
}

/** The shape of a batch, and how to bring one into it: with the tokens that count alone, where they are few. */
export function scoring({ batch, length, mixture }: Pick<TrainingConfig, "batch" | "length" | "mixture">): {
  shape: BatchShape;
  pick(batch: Batch): Batch | ScoredBatch;
} {
  const scored = scoredTokens(mixture, length);
  if (scored === undefined) return { shape: { batch, length }, pick: (whole) => whole };
  return { shape: { batch, length, scored }, pick: (whole) => pickScored(whole, scored) };
}

// --- internal ---

/** Above this share of all tokens, picking those that count out of the others costs more than it saves. */
const WORTHWHILE = 0.5;

/** Tokens of a lane to compute logits for, where that is worthwhile; undefined where it is all of them. */
function scoredTokens(mixture: Mixture, length: number): number | undefined {
  const most = mostScored(mixture, length);
  return most <= WORTHWHILE * length ? most : undefined;
}

/**
 * The `perLane * B` tokens of a batch that count, filled up with tokens of weight zero. Throws RangeError when more
 * than that count.
 */
function pickScored({ tokens, targets, weights, startOfSequence }: Batch, perLane: number): ScoredBatch {
  const size = perLane * (tokens.shape[0] ?? 0);
  const counting = [...weights.data.keys()].filter((row) => weights.data[row] !== 0);
  if (counting.length > size)
    throw new RangeError(`${counting.length} tokens count in the loss, expected ${size} at most`);
  const rows = new Int32Array(size);
  rows.set(counting);
  return {
    tokens,
    startOfSequence,
    rows: intTensor([size], rows),
    targets: intTensor(
      [size],
      rows.map((row) => targets.data[row] ?? 0),
    ),
    weights: floatTensor(
      [size],
      Float32Array.from(rows, (row, i) => (i < counting.length ? (weights.data[row] ?? 0) : 0)),
    ),
  };
}
