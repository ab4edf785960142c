import {
  add,
  cast,
  concat,
  iota,
  less,
  matmul,
  matrixTranspose,
  mul,
  reshape,
  slice,
  softmax,
  softmaxMatmul,
  where,
} from "../../graph/builder.ts";
import { axisSize } from "../../graph/infer.ts";
import { HIDDEN } from "../../graph/limits.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { mergeGroups } from "./heads.ts";

/* Softmax attention in two halves, so that masks and other scores can come between them. */

/** Keeps whole numbers of tokens, which are floats, clear of the bounds that they are compared with. */
export const HALF = 0.5;

/**
 * q k^T / sqrt(d) for queries [.., G, C, d] and keys [.., keys, d], which the G query heads share -> [.., G, C, keys]
 */
export function scoresOf(q: Tensor, k: Tensor): Tensor {
  const grouped = [...q.shape.slice(0, -1), ...k.shape.slice(-2, -1)];
  // Right before the product, where ONNX Runtime fuses the factor into it.
  const scaled = mul(mergeGroups(q), 1 / Math.sqrt(axisSize(q.shape, q.shape.length - 1)));
  return reshape(matmul(scaled, matrixTranspose(k)), grouped);
}

/** softmax(scores) v for scores [.., G, C, keys] and values [.., keys, d] -> [.., G, C, d] */
export function weightedValues(scores: Tensor, v: Tensor): Tensor {
  const grouped = [...scores.shape.slice(0, -1), ...v.shape.slice(-1)];
  return reshape(softmaxMatmul(mergeGroups(scores), v), grouped);
}

/** What some queries see of some keys: scores [.., G, C, keys] and values [.., keys, d]. */
export interface SeenPart {
  readonly scores: Tensor;
  readonly values: Tensor;
}

/** As {@link weightedValues} of all parts side by side -> [.., G, C, d]; values stay where they are. */
export function weightedParts(parts: readonly SeenPart[]): Tensor {
  const weights = softmax(
    concat(
      parts.map(({ scores }) => scores),
      -1,
    ),
  );
  let start = 0;
  const terms = parts.map(({ scores, values }) => {
    const keys = axisSize(scores.shape, scores.shape.length - 1);
    const own = mergeGroups(slice(weights, -1, start, (start += keys)));
    return reshape(matmul(own, values), [...scores.shape.slice(0, -1), ...values.shape.slice(-1)]);
  });
  return terms.reduce((total, term) => add(total, term));
}

/**
 * Hides keys before the `first` and after the `last` that a query may see, counted among `keys` of them and as floats:
 * [.., queries, 1] each -> [.., queries, keys], to be added to scores.
 */
export function hideOutside(keys: number, first: Tensor, last: Tensor): Tensor {
  const key = cast(iota(keys), "float32");
  const late = less(add(last, HALF), key);
  return where(less(add(key, HALF), first), HIDDEN, where(late, HIDDEN, 0));
}
