import { add, gather, input, max, mean, min, mul, reshape, scalar, sum } from "../graph/builder.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { LayerStates, Model, ModelParams, ModelResult } from "../model/transformer.ts";
import type { Weight } from "../nn/weight.ts";
import type { Flat } from "../tensor/tree.ts";

/** What an objective is given of a batch. */
export interface ObjectiveBatch {
  readonly tokens: Tensor; // int32 [B, T]
  readonly targets: Tensor; // int32 [B, T], or [R] of the rows
  /** How much each target counts; all weights of a step add up to one. */
  readonly weights: Tensor; // [B, T], or [R]
  /** Which of the B * T tokens count, where the others have no target. */
  readonly rows?: Tensor; // int32 [R]
  /** What lanes have read before. */
  readonly state: LayerStates<Tensor>;
}

export interface ObjectiveResult {
  /** Scalar: what is reported, and minimised. */
  readonly loss: Tensor;
  /** Scalar that is minimised together with the loss but not reported in it. */
  readonly cost?: Tensor;
  /** Scalars, each added up over the batches of a step. */
  readonly metrics: Flat<Tensor>;
  /** After the batch. */
  readonly state: LayerStates<Tensor>;
}

/** What training makes small: of a model, its weights and a batch. */
export type Objective = (model: Model, weights: ModelParams<Tensor, Weight>, batch: ObjectiveBatch) => ObjectiveResult;

/**
 * The weighted cross-entropy of the next token in nats, plus what mixers charge. `writeStrengthSum` is the sum over the tokens of
 * the mean strength at which they are written, for memories that choose.
 */
export const nextToken: Objective = (model, weights, batch) => {
  const result = model.apply(weights, batch.tokens, batch.state);
  const { writeWish } = result;
  return {
    loss: crossEntropyOf(model, weights, result.hidden, batch),
    cost: ownCosts(result),
    metrics: writeWish ? { writeStrengthSum: sum(mean(min(max(writeWish, 0), 1), [-1])) } : {},
    state: result.state,
  };
};

// --- internal ---

function crossEntropyOf(
  model: Model,
  params: ModelParams<Tensor, Weight>,
  hidden: Tensor,
  { targets, weights, rows }: ObjectiveBatch,
): Tensor {
  const [batch = 1, length = 1, width = 1] = hidden.shape;
  const counted = rows ? gather(reshape(hidden, [batch * length, width]), rows) : hidden;
  return sum(mul(model.losses(params, counted, targets), weights));
}

/** What the mixers charge on top of the loss of the tokens; `auxiliaryWeight`, an input, is one over the tokens. */
function ownCosts(result: ModelResult): Tensor {
  const { auxiliary } = result;
  return auxiliary ? add(writeCost(result), mul(input("auxiliaryWeight", []), auxiliary)) : writeCost(result);
}

/**
 * `writePenalty`, an input, for each token that touches the memory at full strength, and less for every wish that is
 * above minus `writeMargin`, another; nothing for mixers that do not choose.
 */
function writeCost({ writeWish }: ModelResult): Tensor {
  if (!writeWish) return scalar(0);
  const margin = input("writeMargin", []);
  const charged = min(max(add(writeWish, margin), 0), add(margin, 1));
  return mul(input("writePenalty", []), sum(mean(charged, [-1])));
}
