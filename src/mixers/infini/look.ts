import {
  add,
  broadcastTo,
  constant,
  div,
  l2Normalize,
  mul,
  reshape,
  sigmoid,
  sqrt,
  square,
  sub,
  sum,
} from "../../graph/builder.ts";
import { zeros, type FloatTensor } from "../../tensor/host-tensor.ts";
import { axisSize } from "../../graph/infer.ts";
import { GraphError, type Tensor } from "../../graph/tensor.ts";
import { mapTree } from "../../tensor/tree.ts";
import type { Weight } from "../../nn/weight.ts";
import { mergeGroups } from "../shared/heads.ts";
import { withSegment } from "../shared/segments.ts";
import type { InfiniConfig } from "./config.ts";
import { replaceHeads, selectHeads } from "./heads.ts";
import { createMemory, type Memory } from "./memory.ts";
import type { Inside } from "./mixer.ts";
import type { InfiniParams } from "./params.ts";
import type { MemoryState } from "./rule.ts";

/** What the heads of a layer make of one segment of one lane. */
export interface LayerLook {
  /** sigmoid(beta) of eq. 10, as learned: it counts where there is a memory to read. 0 in heads that have none. */
  readonly gate: Tensor; // [K, G, N, 1]
  /** The two terms of eq. 10; their sum, merged and times W_O, is what the layer gives. */
  readonly memory: Tensor; // [K, G, N, d]
  readonly local: Tensor; // [K, G, N, d]
  /** The length of the first as a share of both lengths. */
  readonly memoryShare: Tensor; // [K, G, N]
  /**
   * The cosine between what the memory gave each token, A_mem, and what each trace gives to the same query; 0 for a trace
   * that gives nothing and in heads without a memory.
   */
  readonly resemblance: Tensor; // [E, K, G, N]
  /** The trace of this segment: a memory that it alone was written to. */
  readonly trace: MemoryState<Tensor>; // [1, K', ..]
}

/**
 * Looks at a pass over one segment of one lane.
 *
 * @param inside What the mixer showed.
 * @param traces Memories of E lanes, a segment in each, as {@link LayerLook.trace} gives them.
 * @throws {GraphError} for a config without a memory.
 */
export function lookIntoLayer(
  config: InfiniConfig,
  params: InfiniParams<Tensor, Weight>,
  { queries, writes, fromMemory, local, beta, past }: Inside,
  traces: MemoryState<Tensor>,
): LayerLook {
  const memory = memoryOf(config);
  const shape = queries.shape.slice(2); // [K', G, N, d]
  const perToken = shape.slice(0, 3);
  const gate = sigmoid(beta);
  const open = mul(gate, reshape(past, [1, 1, 1, 1, 1, 1]));
  const parts = { memory: mul(open, fromMemory), local: mul(sub(1, open), selectHeads(config, local, 2)) };
  const [ofMemory, ofLocal] = [lengths(parts.memory), lengths(parts.local)];
  const alone = memory.read(params, withSegment(traces), mergeGroups(queries)); // [E, 1, K', G*N, d]
  const E = axisSize(alone.shape, 0);
  const cosines = sum(mul(direction(fromMemory), direction(reshape(alone, [E, 1, ...shape]))), [-1]);
  const empty = mapTree<MemoryState<Tensor>>(memory.initialState(1), (leaf) => constant(leaf as FloatTensor));
  const zeroElsewhere = (x: Tensor, axis = 0): Tensor => {
    const all = x.shape.with(axis, config.numKeyValueHeads);
    return replaceHeads(config, constant(zeros(all)), x, axis);
  };
  return {
    gate: zeroElsewhere(broadcastTo(reshape(gate, gate.shape.slice(-4)), [...perToken, 1])),
    memory: zeroElsewhere(reshape(parts.memory, shape)),
    local: replaceHeads(config, reshape(local, local.shape.slice(2)), reshape(parts.local, shape), 0),
    memoryShare: zeroElsewhere(reshape(div(ofMemory, add(add(ofMemory, ofLocal), TINY)), perToken)),
    resemblance: zeroElsewhere(reshape(cosines, [E, ...perToken]), 1),
    trace: memory.write(params, empty, writes).after,
  };
}

/** Traces of no segments yet, in E lanes. Throws {@link GraphError} for a config without a memory. */
export function emptyTraces(config: InfiniConfig, lanes: number): MemoryState<FloatTensor> {
  return memoryOf(config).initialState(lanes);
}

// --- internal ---

/** Keeps zero over zero at zero. */
const TINY = 1e-12;

function memoryOf(config: InfiniConfig): Memory {
  const memory = createMemory(config);
  if (!memory) throw new GraphError("there is no memory to look into");
  return memory;
}

function lengths(x: Tensor): Tensor {
  return sqrt(sum(square(x), [-1]));
}

function direction(x: Tensor): Tensor {
  return l2Normalize(x, TINY);
}
