import { add, broadcastTo, cast, concat, iota, less, mul, reshape, slice, stopGradient } from "../../graph/builder.ts";
import { zeros } from "../../tensor/host-tensor.ts";
import { axisSize } from "../../graph/infer.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { applyRope, ropeRows, ropeSlice, ropeTables } from "../../nn/rope.ts";
import { linear, type Weight } from "../../nn/weight.ts";
import { hideEmpty, newest, windows } from "../shared/fifo.ts";
import { mergeHeads, splitGroups, splitHeads } from "../shared/heads.ts";
import { causalMask, causalMaskFrom, localAttention, type Mask } from "../shared/local.ts";
import type { SequenceMixer } from "../contract.ts";
import { perLane } from "../shared/lanes.ts";
import { countSegments, tokensBefore, writerAt } from "../shared/segments.ts";
import { compress, reconstructionLoss, type Evicted } from "./compression.ts";
import { checkCompressive, type CompressiveConfig } from "./config.ts";
import { compressiveSpecs, type CompressiveParams } from "./params.ts";

/** What is carried from segment to segment; the newest row is last, and rows not yet written are zero. */
export type CompressiveState<T> = {
  /** Inputs of the layer. */
  readonly memory: T; // [B, m, D]
  readonly compressed: T; // [B, c, D]
  /** Segments read so far. */
  readonly written: T; // [B]
};

/** Inputs of the layer in the open segment; rows not yet read are zero. */
export type CompressiveSegment<T> = { readonly inputs: T }; // [B, N, D]

/**
 * A layer of a Compressive Transformer (arXiv 1911.05507, section 3): attention over compressed memories, memories and
 * the segment, oldest first. After a segment the oldest N memories leave, become N / rate compressed ones by a
 * convolution f_c, and push out the same number of those.
 *
 * Gradients stop at memories, as in Transformer-XL and the paper; they reach the projections that read them, and reach
 * f_c only through the auxiliary loss, see {@link reconstructionLoss}. Positions are rotary, by the place in compressed
 * memories, memories and segment; the paper has the relative scheme of Transformer-XL over the same places. RoPE sees
 * the same distances, needs no weights, and is what the other mixers here use.
 *
 * Memories are inputs, so reading part of a segment projects all of them again: token by token it is slow.
 *
 * Throws RangeError for memories that do not fit, see {@link checkCompressive}.
 */
export function compressiveAttention(config: CompressiveConfig): SequenceMixer {
  checkCompressive(config);
  const { modelDim: D, numHeads, numKeyValueHeads: heads, segmentLength: N, memoryLength, compressedLength } = config;
  const behind = compressedLength + memoryLength;
  return {
    specs: (outputGain) => compressiveSpecs(config, outputGain),
    initialState: (batch) => ({
      memory: zeros([batch, memoryLength, D]),
      compressed: zeros([batch, compressedLength, D]),
      written: zeros([batch]),
    }),
    emptySegment: (batch) => ({ inputs: zeros([batch, N, D]) }),

    apply(tree, x, states) {
      const [params, state] = [tree as CompressiveParams<Tensor, Weight>, states as CompressiveState<Tensor>];
      const S = countSegments(x, N);
      const { rows, evicted } = shift(config, params, state, x);
      const queries = splitGroups(linear(x, params.query), S, numHeads, heads);
      const tables = ropeTables(behind + N, config.headDim, config.ropeBase);
      const seen = (weights: Weight): Tensor =>
        concat([...remembered(config, rows, weights, S), splitHeads(linear(x, weights), S, heads)], -2);
      const mask = maskOf(config, state.written, S, causalMask(N, behind));
      const q = applyRope(queries, ropeSlice(tables, behind, behind + N));
      const A = localAttention(q, applyRope(seen(params.key), tables), seen(params.value), mask);
      return {
        y: linear(mergeHeads(A), params.output),
        state: stateAfter(config, rows, add(state.written, S)),
        auxiliary: reconstructionLoss(params, queries, evicted),
      };
    },

    extend(tree, x, open, place) {
      const params = tree as CompressiveParams<Tensor, Weight>;
      const [state, segment] = [open.state as CompressiveState<Tensor>, open.segment as CompressiveSegment<Tensor>];
      const C = axisSize(x.shape, 1);
      const inputs = writerAt(place, C, N)(segment.inputs, x);
      const tables = ropeTables(behind + N + C, config.headDim, config.ropeBase);
      const rows = concat([state.compressed, state.memory, inputs], 1);
      const seen = (weights: Weight): Tensor => splitHeads(linear(rows, weights), 1, heads);
      const mask = maskOf(config, state.written, 1, causalMaskFrom(place.offset, behind));
      const queries = splitGroups(linear(x, params.query), 1, numHeads, heads);
      const q = applyRope(queries, ropeRows(tables, add(iota(C, behind), perLane(place.offset, 5))));
      const k = applyRope(seen(params.key), ropeSlice(tables, 0, behind + N));
      const A = localAttention(q, k, seen(params.value), mask);
      return { y: linear(mergeHeads(A), params.output), state, rows: { inputs: x } };
    },

    commit(tree, open) {
      const [state, { inputs }] = [open.state as CompressiveState<Tensor>, open.segment as CompressiveSegment<Tensor>];
      const { rows } = shift(config, tree as CompressiveParams<Tensor, Weight>, state, inputs);
      return stateAfter(config, rows, add(state.written, 1));
    },
  };
}

// --- internal ---

/** Memories before the first segment, and what S segments add after them; no gradient passes. */
interface Rows {
  readonly memory: Tensor; // [B, m + S*N, D]
  readonly compressed: Tensor; // [B, c + S*N / r, D]
}

/** Takes in S segments x [B, S*N, D]: the same number of memories leave at the other end and are compressed. */
function shift(
  { segmentLength: N, memoryLength: m, rate }: CompressiveConfig,
  params: CompressiveParams<Tensor, Weight>,
  state: CompressiveState<Tensor>,
  x: Tensor,
): { rows: Rows; evicted: Evicted } {
  const [B, T] = [axisSize(x.shape, 0), axisSize(x.shape, 1)];
  const S = T / N;
  const memory = concat([state.memory, x], 1);
  const old = slice(memory, 1, 0, T);
  const present = cast(less(m - 0.5, tokensBefore(mul(state.written, N), S, N)), "float32"); // [B, S]: whether it is full
  const perVector = reshape(broadcastTo(reshape(present, [B, S, 1]), [B, S, N / rate]), [B, T / rate, 1]);
  const compressed = mul(compress(params, stopGradient(old), rate), perVector);
  return {
    rows: {
      memory: stopGradient(memory),
      compressed: stopGradient(concat([state.compressed, compressed], 1)),
    },
    evicted: { old, compressed, present },
  };
}

function stateAfter(
  { memoryLength, compressedLength }: CompressiveConfig,
  { memory, compressed }: Rows,
  written: Tensor,
): CompressiveState<Tensor> {
  return { memory: newest(memory, memoryLength), compressed: newest(compressed, compressedLength), written };
}

/** Keys or values of what each of S segments finds in its memories: [B, S, K, c, d] and [B, S, K, m, d]. */
function remembered(
  { numKeyValueHeads, segmentLength: N, memoryLength, compressedLength, rate }: CompressiveConfig,
  { memory, compressed }: Rows,
  weights: Weight,
  S: number,
): [Tensor, Tensor] {
  const perSegment = (rows: Tensor, stride: number, size: number): Tensor => {
    const found = slice(rows, 1, 0, size + (S - 1) * stride); // all but what the last segment takes in
    return windows(splitHeads(linear(found, weights), 1, numKeyValueHeads), S, stride, size);
  };
  return [perSegment(compressed, N / rate, compressedLength), perSegment(memory, N, memoryLength)];
}

/** Hides what comes later and memories not yet written. */
function maskOf(
  { segmentLength: N, memoryLength: m, compressedLength: c, rate }: CompressiveConfig,
  written: Tensor,
  segments: number,
  causal: Mask,
): Mask {
  const needed = [
    ...Array.from({ length: c }, (_, row) => m + rate * (c - row)),
    ...Array.from({ length: m }, (_, row) => m - row),
    ...Array.from({ length: N }, () => 0),
  ];
  const hide = hideEmpty(tokensBefore(mul(written, N), segments, N), needed);
  return (scores) => hide(causal(scores));
}
