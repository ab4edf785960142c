import {
  add,
  cast,
  concat,
  gather,
  iota,
  matmul,
  matrixTranspose,
  max,
  mul,
  reshape,
  slice,
  softmax,
  stopGradient,
  sub,
  transpose,
} from "../../graph/builder.ts";
import { zeros } from "../../tensor/host-tensor.ts";
import { axisSize } from "../../graph/infer.ts";
import { sharedConstant } from "../../graph/shared-constant.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { sinusoids } from "../../nn/sinusoids.ts";
import { linear, type Weight } from "../../nn/weight.ts";
import type { KeysAndValues } from "../shared/keys.ts";
import type { OpenState, SequenceMixer } from "../contract.ts";
import { perLane } from "../shared/lanes.ts";
import { countSegments, tokensBefore, windowsOf, writerAt } from "../shared/segments.ts";
import { hideOutside } from "../shared/softmax.ts";
import { checkTransformerXl, type TransformerXlConfig } from "./config.ts";
import { transformerXlSpecs, type TransformerXlParams } from "./params.ts";

/** What is carried from segment to segment. */
export type TransformerXlState<T> = {
  /** Inputs of the last M tokens. */
  readonly cache: T; // [B, M, D]
  /** Tokens read so far. */
  readonly seen: T; // [B]
};

/** Inputs of the open segment; rows not yet read are zero. */
export type TransformerXlSegment<T> = { readonly inputs: T }; // [B, N, D]

/**
 * Attention of Transformer-XL (arXiv 1901.02860): a token sees the M tokens before its segment, whose inputs are kept,
 * and its segment up to itself. With R the sinusoids of a distance
 *
 *     score_ij = ((q_i + u) k_j + (q_i + v) W_k,R R_{i-j}) / sqrt(d).
 *
 * The original ends gradients at the cache between two training steps; here they end between any two segments, even of
 * one sequence, unless `stopGradient` is false. It shares u and v among all layers; here each layer has its own.
 *
 * Keys and values of the cache are projected again at every use, by `extend` too.
 *
 * Throws RangeError when the cache does not fit the segments or `modelDim` is odd.
 */
export function transformerXl(config: TransformerXlConfig): SequenceMixer {
  checkTransformerXl(config);
  const { segmentLength: N, cacheLength: M, modelDim: D } = config;
  return {
    specs: (outputGain) => transformerXlSpecs(config, outputGain),
    initialState: (batch) => ({ cache: zeros([batch, M, D]), seen: zeros([batch]) }),
    emptySegment: (batch) => ({ inputs: zeros([batch, N, D]) }),

    apply(tree, x, states) {
      const [params, state] = [tree as TransformerXlParams<Tensor, Weight>, states as TransformerXlState<Tensor>];
      const S = countSegments(x, N);
      const A = attend(config, params, {
        x,
        segments: S,
        rows: segmentRows(config, params, x, state.cache),
        distances: reshape(
          sharedConstant("sinusoids down", [M + N + 1, D], () => sinusoids(range(M + N + 1).toReversed(), D)),
          [1, M + N + 1, D],
        ),
        place: reshape(iota(N), [1, N]),
        seen: state.seen,
      });
      return { y: linear(A, params.output), state: push(state, x) };
    },

    extend(tree, x, open, place) {
      const params = tree as TransformerXlParams<Tensor, Weight>;
      const { state, segment } = open as OpenState & {
        state: TransformerXlState<Tensor>;
        segment: TransformerXlSegment<Tensor>;
      };
      const C = axisSize(x.shape, 1);
      const inputs = writerAt(place, C, N)(segment.inputs, x);
      const rows = projectKeys(config, params, concat([state.cache, inputs], 1));
      const farthest = add(iota(1, M + C), perLane(place.offset, 2)); // [B, 1]
      const distances = max(sub(farthest, iota(M + N + C)), iota(1)); // what comes later is hidden
      const table = sharedConstant("sinusoids", [M + N + C, D], () => sinusoids(range(M + N + C), D));
      const A = attend(config, params, {
        x,
        segments: 1,
        rows: { keys: windowsOf(rows.keys, 1, M), values: windowsOf(rows.values, 1, M) },
        distances: gather(table, distances),
        place: add(iota(C), perLane(place.offset, 2)),
        seen: state.seen,
      });
      return { y: linear(A, params.output), state, rows: { inputs: x } };
    },

    commit(_, open) {
      const { state, segment } = open as OpenState & {
        state: TransformerXlState<Tensor>;
        segment: TransformerXlSegment<Tensor>;
      };
      return push(state, segment.inputs);
    },
  };
}

// --- internal ---

/** The state after some more inputs [B, T, D]. */
function push({ cache, seen }: TransformerXlState<Tensor>, inputs: Tensor): TransformerXlState<Tensor> {
  const [M, T] = [axisSize(cache.shape, 1), axisSize(inputs.shape, 1)];
  return { cache: slice(concat([cache, inputs], 1), 1, T, T + M), seen: add(seen, T) };
}

/** Keys and values that each segment of x sees, those of the M tokens before it first: [H, B, S, M + N, d]. */
function segmentRows(
  config: TransformerXlConfig,
  params: TransformerXlParams<Tensor, Weight>,
  x: Tensor,
  cache: Tensor,
): KeysAndValues<Tensor> {
  const { segmentLength: N, cacheLength: M, stopGradient: stops = true } = config;
  const T = axisSize(x.shape, 1);
  const S = T / N;
  const inputs = concat([cache, x], 1);
  if (!stops) {
    const all = projectKeys(config, params, inputs);
    return { keys: windowsOf(all.keys, S, M), values: windowsOf(all.values, S, M) };
  }
  const before = projectKeys(config, params, stopGradient(slice(inputs, 1, 0, M + T - N)));
  const own = projectKeys(config, params, x);
  const join = (earlier: Tensor, rows: Tensor): Tensor =>
    concat([windowsOf(earlier, S, M - N), windowsOf(rows, S, 0)], -2);
  return { keys: join(before.keys, own.keys), values: join(before.values, own.values) };
}

/** Queries and what they see. */
interface View {
  readonly x: Tensor; // [B, S*C, D]
  readonly segments: number; // S
  readonly rows: KeysAndValues<Tensor>; // [H, B, S, M + N, d] each
  /**
   * Sinusoids of distances, from M + C + (place of the first query) down in steps of one, of each lane or of all.
   */
  readonly distances: Tensor; // [B or 1, E, D]
  /** Place of each query in its segment, int32. */
  readonly place: Tensor; // [B or 1, C]
  /** Tokens read before the first segment. */
  readonly seen: Tensor; // [B]
}

/** What the queries gather from all they see, heads side by side: [B, S*C, H*d]. */
function attend(config: TransformerXlConfig, params: TransformerXlParams<Tensor, Weight>, view: View): Tensor {
  const { numHeads: H, headDim: d, cacheLength: M, segmentLength: N } = config;
  const [B, S, C] = [axisSize(view.x.shape, 0), view.segments, axisSize(view.x.shape, 1) / view.segments];
  const split = transpose(reshape(linear(view.x, params.query), [B, S, C, H, d]), [3, 0, 1, 2, 4]); // [H, B, S, C, d]
  const biased = (bias: Tensor): Tensor => mul(add(split, reshape(bias, [H, 1, 1, 1, d])), 1 / Math.sqrt(d));
  const L = axisSize(view.distances.shape, 0);
  const R = splitDistances(linear(view.distances, params.position), H); // [H, L, E, d]
  const byContent = matmul(biased(params.contentBias), matrixTranspose(view.rows.keys));
  const byDistance = matmul(reshape(biased(params.positionBias), [H, L, (B / L) * S * C, d]), matrixTranspose(R)); // [.., E]
  const shifted = reshape(shift(byDistance, C, M + N), byContent.shape);
  const first = sub(M, reshape(tokensBefore(view.seen, S, N), [B, S, 1, 1])); // rows never written come before it
  const own = add(reshape(cast(view.place, "float32"), [L, 1, C, 1]), M);
  const scores = add(add(byContent, shifted), hideOutside(M + N, first, own)); // [H, B, S, C, M + N]
  const A = matmul(softmax(scores), view.rows.values);
  return reshape(transpose(A, [1, 2, 3, 0, 4]), [B, S * C, H * d]);
}

/**
 * From scores by distance to scores by key, [H, L, Q*C, E] -> [H, L*Q, C, keys]: row i of each C moves C - i columns to
 * the left. That is what reading the numbers in rows of E - 1 does, once the first C of them are gone; what moves in
 * from the row below belongs to later keys. (The original pads with a column where this has one distance more.)
 */
function shift(scores: Tensor, C: number, keys: number): Tensor {
  const [H, L, ofLane, E] = scores.shape as unknown as [number, number, number, number];
  const rows = L * ofLane;
  const turned = slice(reshape(scores, [H, rows / C, E, C]), 2, 1, E);
  return slice(reshape(turned, [H, rows / C, C, E - 1]), -1, 0, keys);
}

/** [L, E, H*d] -> [H, L, E, d] */
function splitDistances(R: Tensor, H: number): Tensor {
  const [L, E, width] = R.shape as unknown as [number, number, number];
  return transpose(reshape(R, [L, E, H, width / H]), [2, 0, 1, 3]);
}

/** Keys and values [H, B, T, d] of x [B, T, D]. */
function projectKeys(
  { numHeads: H, headDim: d }: TransformerXlConfig,
  { key, value }: TransformerXlParams<Tensor, Weight>,
  x: Tensor,
): KeysAndValues<Tensor> {
  const [B, T] = [axisSize(x.shape, 0), axisSize(x.shape, 1)];
  const split = (weights: Weight): Tensor => transpose(reshape(linear(x, weights), [B, T, H, d]), [2, 0, 1, 3]);
  return { keys: split(key), values: split(value) };
}

const range = (length: number): number[] => Array.from({ length }, (_, i) => i);
