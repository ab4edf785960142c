import { filled, type FloatTensor } from "../../graph/host-tensor.ts";
import { weight } from "../../nn/init.ts";
import type { Rng } from "../../random.ts";
import type { InfiniConfig } from "./config.ts";

/** Weights of an Infini-attention layer; K key/value heads, each for G = H / K query heads. */
export type InfiniParams<T> = {
  readonly query: T; // [D, H*d]  W_Q of eq. 5
  readonly key: T; // [D, K*d]  W_K
  readonly value: T; // [D, K*d]  W_V
  readonly output: T; // [H*d, D]  W_O of eq. 11
  readonly gate: T; // [H]  beta of eq. 10
  /** Share of the token before in the input of queries, keys and values; with `tokenShift` only. */
  readonly shift?: { readonly query: T; readonly key: T; readonly value: T }; // [D] each
  /** With `token-delta` only. */
  readonly write?: WriteParams<T>;
};

/** What the token-delta rule learns beside the projections. */
export type WriteParams<T> = {
  readonly strength: T; // [D, K]
  readonly context: T; // [H*d, K]  from what local attention gave
  readonly bias: T; // [K]
  readonly readScale: T; // [d]  scale of the norm on what is read
};

/** Keys look at their own token and the one before alike; queries and values start from their own token alone. */
const INITIAL_SHIFT = { query: 0, key: 0.5, value: 0 };

/** Fresh weights; `outputGain` scales W_O. */
export function initInfiniParams(config: InfiniConfig, rng: Rng, outputGain: number): InfiniParams<FloatTensor> {
  const { modelDim, numHeads, numKeyValueHeads, headDim, memory } = config;
  const shift = {
    query: filled([modelDim], INITIAL_SHIFT.query),
    key: filled([modelDim], INITIAL_SHIFT.key),
    value: filled([modelDim], INITIAL_SHIFT.value),
  };
  const write = {
    strength: weight(modelDim, numKeyValueHeads, rng.fork("strength")),
    context: weight(numHeads * headDim, numKeyValueHeads, rng.fork("context")),
    bias: filled([numKeyValueHeads], 0),
    readScale: filled([headDim], 1),
  };
  return {
    query: weight(modelDim, numHeads * headDim, rng.fork("query")),
    key: weight(modelDim, numKeyValueHeads * headDim, rng.fork("key")),
    value: weight(modelDim, numKeyValueHeads * headDim, rng.fork("value")),
    output: weight(numHeads * headDim, modelDim, rng.fork("output"), outputGain),
    gate: filled([numHeads], memory.gateInit),
    ...(memory.tokenShift ? { shift } : {}),
    ...(memory.update === "token-delta" ? { write } : {}),
  };
}
