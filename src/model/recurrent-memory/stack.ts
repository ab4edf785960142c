import { mergeHeads, splitGroups, splitHeads } from "../../mixers/shared/heads.ts";
import { localAttention } from "../../mixers/shared/local.ts";
import { emptyKeys, type KeysAndValues } from "../../mixers/shared/keys.ts";
import type { OpenState, SequenceMixer } from "../../mixers/contract.ts";
import { projectionSpecs, type ProjectionParams } from "../../mixers/shared/projections.ts";
import { perLane } from "../../mixers/shared/lanes.ts";
import { countSegments, writerAt } from "../../mixers/shared/segments.ts";
import { HIDDEN } from "../../graph/limits.ts";
import { add, broadcastTo, concat, equal, iota, less, reshape, slice, where } from "../../graph/builder.ts";
import { zeros } from "../../tensor/host-tensor.ts";
import { axisSize } from "../../graph/infer.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { gaussianSpec } from "../../nn/init.ts";
import { applyRope, ropeRows, ropeTables } from "../../nn/rope.ts";
import type { ParamSpec } from "../../nn/spec.ts";
import { linear, type Weight } from "../../nn/weight.ts";
import type { ModelConfig } from "../config.ts";
import { at, eachOf, stackSpecs, layerNames, runLayers, type StackParams } from "../stack.ts";

/** Weights of a Recurrent Memory Transformer: those of a plain transformer and the memory to begin with. */
export type RecurrentMemoryParams<T, W = T> = StackParams<T, W> & {
  readonly memory: T; // [p, D]
};

/** Standard deviation of the memory before the first segment; that of fresh embeddings. */
const MEMORY_DEVIATION = 0.02;

/**
 * The Recurrent Memory Transformer (arXiv 2207.06881) in its form for decoders: p memory vectors stand before each
 * segment, to be read, and again after it, to be written; causal attention over [memory; segment; memory] in every layer.
 * What the last layer, after the final norm, gives at the places of writing is the memory of the next segment. Gradients
 * flow through the memory over all segments of a sequence.
 *
 * A stack of the same contract as {@link layerStack}. Segments follow one another, so a sequence of many is a
 * large graph. Positions (RoPE) count through [memory; segment; memory].
 */
export function recurrentMemoryStack(config: ModelConfig, memoryTokens: number): SequenceMixer {
  const { modelDim: D, segmentLength: N } = config;
  const layers = layerNames(config);
  const p = memoryTokens;
  return {
    specs: (outputGain) => recurrentMemorySpecs(config, p, outputGain),
    initialState: (batch) => ({ memory: { vectors: zeros([batch, p, D]), written: zeros([batch]) } }),
    emptySegment: (batch) => eachOf(layers, () => emptyKeys(config, N, batch)),

    apply(tree, x, states) {
      const params = tree as RecurrentMemoryParams<Tensor, Weight>;
      const { written } = held(states);
      let memory = memoryOf(params, states);
      const parts = Array.from({ length: countSegments(x, N) }, (_, s) => {
        const rows = concat([memory, slice(x, 1, s * N, (s + 1) * N), memory], 1);
        const { y } = runRows(config, params, rows, {
          positions: reshape(iota(2 * p + N), [1, 2 * p + N]),
          place: (own) => own,
        });
        memory = slice(y, 1, p + N, 2 * p + N);
        return slice(y, 1, p, p + N);
      });
      return { y: concat(parts, 1), state: { memory: { vectors: memory, written: add(written, parts.length) } } };
    },

    extend(tree, x, { state, segment }, place) {
      const params = tree as RecurrentMemoryParams<Tensor, Weight>;
      const C = axisSize(x.shape, 1);
      const put = writerAt(place, C, N);
      const ofMemory = broadcastTo(iota(p), [axisSize(x.shape, 0), p]);
      const { y, own: ofRows } = runRows(config, params, concat([memoryOf(params, state), x], 1), {
        positions: concat([ofMemory, add(iota(C, p), perLane(place.offset, 2))], 1),
        place: (own, open) => concat([slice(own, 2, 0, p), put(open, slice(own, 2, p, p + C))], 2),
        open: segment as OpenKeys,
      });
      const ofTokens = (rows: Tensor): Tensor => slice(rows, 2, p, p + C);
      const added = eachOf(layers, (layer) => ({
        keys: ofTokens(at(ofRows, layer).keys),
        values: ofTokens(at(ofRows, layer).values),
      }));
      return { y: slice(y, 1, p, p + C), state, rows: added };
    },

    commit(tree, { state, segment }: OpenState) {
      const params = tree as RecurrentMemoryParams<Tensor, Weight>;
      const memory = memoryOf(params, state);
      const { y } = runRows(config, params, concat([memory, memory], 1), {
        positions: reshape(concat([iota(p), iota(p, p + N)], 0), [1, 2 * p]),
        place: (own, open) => concat([slice(own, 2, 0, p), open, slice(own, 2, p, 2 * p)], 2),
        open: segment as OpenKeys,
      });
      return { memory: { vectors: slice(y, 1, p, 2 * p), written: add(held(state).written, 1) } };
    },
  };
}

// --- internal ---

/** Keys and values [B, K, places, d] of each layer. */
type OpenKeys = { readonly [layer: string]: KeysAndValues<Tensor> };

/** Rows that go through all layers together. */
interface Rows {
  /** Place of each row in [memory; segment; memory], int32. A row sees the places up to its own. */
  readonly positions: Tensor; // [B or 1, R]
  /** Keys or values of all places in their order, from those of the rows [B, K, R, d] and of the open segment. */
  place(own: Tensor, open: Tensor): Tensor;
  /** Absent where all that is seen is in the rows. */
  readonly open?: OpenKeys;
}

/** Hidden states [B, R, D] after the final norm, and the keys (without positions) and values of the rows in each layer. */
function runRows(
  config: ModelConfig,
  params: RecurrentMemoryParams<Tensor, Weight>,
  x: Tensor,
  rows: Rows,
): { y: Tensor; own: OpenKeys } {
  const { y, results } = runLayers(config, params, x, (attention, h, layer) =>
    attend(config, attention as ProjectionParams<Weight>, h, rows, rows.open && at(rows.open, layer)),
  );
  return { y, own: eachOf(layerNames(config), (layer) => at(results, layer).own) };
}

function attend(
  { numHeads, numKeyValueHeads: K, headDim, ropeBase }: ModelConfig,
  { query, key, value, output }: ProjectionParams<Weight>,
  h: Tensor,
  { positions, place }: Rows,
  open: KeysAndValues<Tensor> | undefined,
): { y: Tensor; own: KeysAndValues<Tensor> } {
  const [B, R, L] = [axisSize(h.shape, 0), axisSize(h.shape, 1), axisSize(positions.shape, 0)];
  const project = (weights: Weight): Tensor => reshape(splitHeads(linear(h, weights), 1, K), [B, K, R, headDim]);
  const own = { keys: project(key), values: project(value) };
  const { keys: openKeys, values: openValues } = open ?? own;
  const seen = { keys: place(own.keys, openKeys), values: place(own.values, openValues) };
  const places = axisSize(seen.keys.shape, 2);
  const tables = ropeTables(places + R, headDim, ropeBase);
  const q = applyRope(
    splitGroups(linear(h, query), 1, numHeads, K),
    ropeRows(tables, reshape(positions, [L, 1, 1, 1, R])),
  );
  const k = applyRope(seen.keys, ropeRows(tables, iota(places)));
  const visible = less(iota(places), add(reshape(positions, [L, 1, 1, 1, R, 1]), iota(1, 1))); // [.., R, places]
  const withSegments = (x: Tensor): Tensor => reshape(x, [B, 1, K, places, headDim]);
  const A = localAttention(q, withSegments(k), withSegments(seen.values), (scores) => where(visible, scores, HIDDEN));
  return { y: linear(mergeHeads(A), output), own };
}

/** The memory that a segment reads [B, p, D]: in lanes that have read none yet, the learned one. */
function memoryOf({ memory }: RecurrentMemoryParams<Tensor, Weight>, state: object): Tensor {
  const { vectors, written } = held(state);
  const isFirst = reshape(equal(written, 0), [axisSize(written.shape, 0), 1, 1]);
  return where(isFirst, memory, vectors);
}

function held(state: object): { readonly vectors: Tensor; readonly written: Tensor } {
  return (state as { memory: { vectors: Tensor; written: Tensor } }).memory;
}

function recurrentMemorySpecs(
  config: ModelConfig,
  memoryTokens: number,
  outputGain: number,
): RecurrentMemoryParams<ParamSpec> {
  return {
    ...stackSpecs(config, outputGain, (_, gain) => projectionSpecs(config, gain)),
    memory: gaussianSpec("memory", "bias", [memoryTokens, config.modelDim], MEMORY_DEVIATION),
  };
}
