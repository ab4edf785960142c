import { add, concat, max, min, reshape, slice } from "../../graph/builder.ts";
import { zeros, type FloatTensor } from "../../tensor/host-tensor.ts";
import { axisSize } from "../../graph/infer.ts";
import { GraphError, type Tensor } from "../../graph/tensor.ts";
import { mapTree } from "../../tensor/tree.ts";
import { mixShifted, shortConvolution, withHistory } from "../../nn/token-shift.ts";
import { linear, type Weight } from "../../nn/weight.ts";
import { mergeGroups, mergeHeads, splitGroups, splitHeads } from "../shared/heads.ts";
import { emptyKeys, type KeysAndValues } from "../shared/keys.ts";
import type { MixerResult, OpenState, SequenceMixer } from "../contract.ts";
import { countSegments, lastRows, withSegment } from "../shared/segments.ts";
import type { InfiniConfig } from "./config.ts";
import { mixByGate, pastOf, unclippedStrength } from "./gate.ts";
import { createMemory, type Memory } from "./memory.ts";
import { memoryHeads, ofMemoryHeads, replaceHeads, selectHeads } from "./heads.ts";
import { historyLength, infiniSpecs, type InfiniParams } from "./params.ts";
import type { MemoryState, Strengths, Writes } from "./rule.ts";
import { segmentAt } from "../shared/scan.ts";
import { attendInOpen, attendInSegments, cacheAfter, cacheOf, withoutPositions } from "./window.ts";

/** What is carried from segment to segment. */
export type InfiniState<T> = {
  /** Absent with `update: "none"`. */
  readonly memory?: MemoryState<T>;
  /** Segments read so far. */
  readonly written: T; // [B]
  /** Inputs of the last tokens, as many as `shift` looks back. */
  readonly previous?: T; // [B, P, D]
  /** Keys, turned by their positions, and values of the segment before; with `cache` only. */
  readonly cache?: KeysAndValues<T>; // [B, K, N, d] each
};

/** What the open segment will write, keys turned by their positions; rows not yet read are zero. */
export type InfiniSegment<T> = KeysAndValues<T> & {
  readonly strengths?: Strengths<T>;
}; // [B, K, N, d], strengths [B, K', N, 1]

/** What meets in eq. 10 in the K' heads with the memory, for those who want to look; see look.ts. */
export interface Inside {
  readonly queries: Tensor; // [B, S, K', G, N, d]
  readonly writes: Writes;
  /** A_mem of eq. 7, from the memory before each segment. */
  readonly fromMemory: Tensor; // [B, S, K', G, N, d]
  /** A_dot of eq. 6, of all heads. */
  readonly local: Tensor; // [B, S, K, G, N, d]
  readonly beta: Tensor; // [K', G, 1, 1] or [B, S, K', G, N, 1]
  /** Where there is a memory to read, see gate.ts. */
  readonly past: Tensor; // [B, S]
}

/** A mixer that shows what it mixes, where it has a memory. */
export interface InfiniMixer extends SequenceMixer {
  apply(...args: Parameters<SequenceMixer["apply"]>): MixerResult & { readonly inside?: Inside };
}

/** Infini-attention (arXiv 2404.07143): eqs. 4 to 11, with the memory that the config asks for. */
export function infiniAttention(config: InfiniConfig): InfiniMixer {
  const memory = createMemory(config);
  const withMemory = (x: Tensor): Tensor => selectHeads(config, x, HEADS);
  const writesOf = ({ keys, values }: KeysAndValues<Tensor>): KeysAndValues<Tensor> => ({
    keys: withMemory(keys),
    values: withMemory(values),
  });
  return {
    specs: (outputGain) => infiniSpecs(config, outputGain),
    initialState: (batch) => initialState(config, memory, batch),
    emptySegment: (batch) => emptySegment(config, memory, batch),

    apply(tree, x, states) {
      const [params, state] = [tree as InfiniParams<Tensor, Weight>, states as InfiniState<Tensor>];
      const N = config.segmentLength;
      const segments = countSegments(x, N);
      const length = segments * N;
      const past = pastOf(state.written, segments);
      const history = state.previous ? withHistory(x, state.previous) : x;
      const { queries, ...own } = project(config, params, history, length, segments);
      const local = attendInSegments(config, queries, own, past, state.cache); // eq. 6
      const chosen = memory && choose(config, memory, params, x, local);
      const writes = { ...writesOf(own), ...chosen };
      const written = memory?.write(params, held(state), writes); // eq. 8 or 9
      const asking = withMemory(queries);
      const inside = memory &&
        written && {
          queries: asking,
          writes,
          local,
          past,
          fromMemory: read(memory, params, written.before, asking), // eq. 7
          beta: gateOf(config, params, x, segments),
        };
      const A = inside ? mixHeads(config, inside.fromMemory, local, inside.beta, past) : local; // eq. 10
      return {
        y: linear(mergeHeads(A), params.output), // eq. 11
        state: {
          ...(written && { memory: written.after }),
          written: add(state.written, segments),
          ...(state.previous && { previous: slice(history, 1, length, length + historyLength(config.memory.shift)) }),
          ...(state.cache && {
            cache: cacheAfter(config, own),
          }),
        },
        ...(chosen && { writeWish: chosen.wish }),
        ...(inside && { inside }),
      };
    },

    extend(tree, x, open, place) {
      const params = tree as InfiniParams<Tensor, Weight>;
      const { state, segment } = open as OpenState & { state: InfiniState<Tensor>; segment: InfiniSegment<Tensor> };
      const past = pastOf(state.written, 1);
      const history = state.previous ? withHistory(x, state.previous) : x;
      const { queries, ...own } = project(config, params, history, axisSize(x.shape, 1), 1);
      const { local, rows } = attendInOpen(config, queries, own, segment, place, past, state.cache); // eq. 6
      const chosen = memory && choose(config, memory, params, x, local);
      const fromMemory = memory && read(memory, params, withSegment(held(state)), withMemory(queries)); // eq. 7
      const A = fromMemory ? mixHeads(config, fromMemory, local, gateOf(config, params, x, 1), past) : local; // eq. 10
      return {
        y: linear(mergeHeads(A), params.output),
        state: { ...state, ...(state.previous && { previous: lastRows(history, place, state.previous) }) },
        rows: {
          ...rows,
          ...(chosen && { strengths: mapTree(chosen.strengths, (leaf) => segmentAt(leaf as Tensor, 0)) }),
        },
      };
    },

    commit(tree, open) {
      const params = tree as InfiniParams<Tensor, Weight>;
      const { state, segment } = open as OpenState & { state: InfiniState<Tensor>; segment: InfiniSegment<Tensor> };
      const own = withoutPositions(config, segment, state.cache);
      const full = withSegment({ ...segment, ...own });
      return {
        ...state,
        ...(memory && { memory: memory.write(params, held(state), { ...full, ...writesOf(full) }).after }), // eq. 8 or 9
        written: add(state.written, 1),
        ...(state.cache && { cache: cacheOf(config, own) }),
      };
    },
  };
}

// --- internal ---

/** The axis of key/value heads in whole segments. */
const HEADS = 2;

function initialState(config: InfiniConfig, memory: Memory | undefined, batch: number): InfiniState<FloatTensor> {
  const history = historyLength(config.memory.shift);
  return {
    ...(memory && { memory: memory.initialState(batch) }),
    written: zeros([batch]),
    ...(history > 0 && { previous: zeros([batch, history, config.modelDim]) }),
    ...(config.memory.cache && { cache: emptyKeys(config, config.segmentLength, batch) }),
  };
}

function emptySegment(config: InfiniConfig, memory: Memory | undefined, batch: number): InfiniSegment<FloatTensor> {
  const none = zeros([batch, memoryHeads(config).length, config.segmentLength, 1]);
  const strengths = Object.fromEntries((memory?.chooses ?? []).map((name) => [name, none])) as Strengths<FloatTensor>;
  return {
    ...emptyKeys(config, config.segmentLength, batch),
    ...(memory && memory.chooses.length > 0 && { strengths }),
  };
}

/** Eq. 5 for the S segments at the end of `history`: queries [B, S, K, G, N, d], keys and values [B, S, K, N, d]. */
function project(
  config: InfiniConfig,
  { query, key, value, shift }: InfiniParams<Tensor, Weight>,
  history: Tensor,
  length: number,
  segments: number,
): KeysAndValues<Tensor> & { queries: Tensor } {
  const { numHeads, numKeyValueHeads: heads, memory } = config;
  const look = memory.shift === "convolution" ? shortConvolution : mixShifted;
  const seen = (weights: Tensor | undefined): Tensor => (weights ? look(history, length, weights) : history);
  return {
    queries: splitGroups(linear(seen(shift?.query), query), segments, numHeads, heads),
    keys: splitHeads(linear(seen(shift?.key), key), segments, heads),
    values: splitHeads(linear(seen(shift?.value), value), segments, heads),
  };
}

/**
 * How strongly each token touches the memory, chosen by the token and what local attention saw around it: strengths
 * [B, S, K', N, 1], and all of them before they are clipped to 0..1 [B, T, strengths * K'].
 */
function choose(
  config: InfiniConfig,
  { chooses }: Memory,
  params: InfiniParams<Tensor, Weight>,
  x: Tensor,
  local: Tensor,
): { strengths: Strengths<Tensor>; wish: Tensor } | undefined {
  if (chooses.length === 0) return undefined;
  const context = mergeHeads(local);
  const wishes = chooses.map((name) => {
    const choice = params[name];
    if (!choice) throw new GraphError(`the memory needs weights for "${name}"`);
    const wish = add(add(linear(x, choice.strength), linear(context, choice.context)), choice.bias); // [B, T, K']
    return [name, unclippedStrength(wish, config.memory.writeStrength)] as const;
  });
  const clipped = wishes.map(([name, wish]) => [
    name,
    splitHeads(min(max(wish, 0), 1), axisSize(local.shape, 1), memoryHeads(config).length),
  ]);
  return {
    strengths: Object.fromEntries(clipped) as Strengths<Tensor>,
    wish: concat(
      wishes.map(([, wish]) => wish),
      -1,
    ),
  };
}

/** Eq. 10 in the heads with the memory; what local attention [B, S, K, G, N, d] gave in the others. */
function mixHeads(config: InfiniConfig, fromMemory: Tensor, local: Tensor, beta: Tensor, past: Tensor): Tensor {
  const mixed = mixByGate(fromMemory, selectHeads(config, local, HEADS), beta, past);
  return replaceHeads(config, local, mixed, HEADS);
}

/** Eq. 7 for queries [B, S, K', G, N, d]; all those of a group meet their memory in one product. */
function read(
  memory: Memory,
  params: InfiniParams<Tensor, Weight>,
  before: MemoryState<Tensor>,
  queries: Tensor,
): Tensor {
  return reshape(memory.read(params, before, mergeGroups(queries)), queries.shape);
}

/** beta of eq. 10, [K', G, 1, 1] or with the token's share [B, S, K', G, N, 1]. */
function gateOf(
  config: InfiniConfig,
  { gate, gateInput }: InfiniParams<Tensor, Weight>,
  x: Tensor,
  segments: number,
): Tensor {
  if (!gate) throw new GraphError("the memory needs a gate");
  const { numHeads, numKeyValueHeads: heads } = ofMemoryHeads(config);
  if (!gateInput) return reshape(gate, [heads, numHeads / heads, 1, 1]);
  const [B, T] = [axisSize(x.shape, 0), axisSize(x.shape, 1)];
  const beta = splitHeads(add(linear(x, gateInput), gate), segments, numHeads); // [B, S, H', N, 1]
  return reshape(beta, [B, segments, heads, numHeads / heads, T / segments, 1]);
}

function held({ memory }: InfiniState<Tensor>): MemoryState<Tensor> {
  if (!memory) throw new GraphError("the state has no memory");
  return memory;
}
