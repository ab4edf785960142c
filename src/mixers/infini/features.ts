import {
  concat,
  eluPlusOne,
  l2Normalize,
  max,
  mul,
  neg,
  silu,
  slice,
  softmax,
  sum,
  div,
  add,
} from "../../graph/builder.ts";
import { SMALLEST_DENOMINATOR } from "../../graph/limits.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { FeatureMapName } from "./config.ts";

/** sigma: what a key or a query of size d becomes before it meets the memory. */
export interface FeatureMap {
  /** Size of the features for a head of size d. */
  dim(headDim: number): number;
  /** Features are never negative, so that sums of them can serve as denominators (eq. 7). */
  readonly positive: boolean;
  /** Features have unit length. */
  readonly unit: boolean;
  /** Whether there is a temperature to learn. */
  readonly tempered: boolean;
  /** Features [.., K, R, dim(d)] of x [.., K, R, d]; `temperature` [K, 1, 1] where the map is tempered. */
  apply(x: Tensor, temperature?: Tensor): Tensor;
}

/** What the temperature of `softmax` starts from: sharp enough that keys differ, soft enough to learn. */
export const INITIAL_TEMPERATURE = 8;

export const featureMaps: { readonly [name in FeatureMapName]: FeatureMap } = {
  /** The paper's (arXiv 2006.16236). */
  "elu-plus-one": { dim: same, positive: true, unit: false, tempered: false, apply: eluPlusOne },

  /** softmax(temperature * x / |x|) over the features: few of them are large. */
  softmax: {
    dim: same,
    positive: true,
    unit: false,
    tempered: true,
    apply: (x, temperature = missing("a temperature")) => softmax(mul(l2Normalize(x), temperature)),
  },

  /**
   * Deterministic parameter-free projection of order 1 (arXiv 2102.11174, eq. 37): r = relu([x, -x]), each product of
   * neighbours r_i r_{i-1}, scaled to sum one. Twice as many features as x has.
   */
  dpfp: {
    dim: (headDim) => 2 * headDim,
    positive: true,
    unit: false,
    tempered: false,
    apply(x) {
      const r = max(concat([x, neg(x)], -1), 0);
      const size = r.shape.at(-1) ?? 0;
      const rolled = concat([slice(r, -1, size - 1, size), slice(r, -1, 0, size - 1)], -1);
      const products = mul(r, rolled);
      return div(products, add(sum(products, [-1], { keepAxes: true }), SMALLEST_DENOMINATOR));
    },
  },

  /** silu(x) / |silu(x)| (arXiv 2406.06484). */
  "silu-l2": { dim: same, positive: false, unit: true, tempered: false, apply: (x) => l2Normalize(silu(x)) },
};

// --- internal ---

function same(headDim: number): number {
  return headDim;
}

function missing(what: string): never {
  throw new Error(`this feature map needs ${what}`);
}
