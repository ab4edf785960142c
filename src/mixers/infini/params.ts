import { filled, floatTensor, zeros, type FloatTensor } from "../../tensor/host-tensor.ts";
import { weight } from "../../nn/init.ts";
import { CONVOLUTION_TAPS, initialTaps } from "../../nn/token-shift.ts";
import type { Rng } from "../../base/random.ts";
import { initProjections, type ProjectionParams } from "../shared/projections.ts";
import type { InfiniConfig, Shift } from "./config.ts";
import { featureMaps, INITIAL_TEMPERATURE } from "./features.ts";
import { memoryRules } from "./memory.ts";
import type { Strengths } from "./rule.ts";

/** Weights of an Infini-attention layer; K key/value heads, each for G = H / K query heads. */
export type InfiniParams<T> = ProjectionParams<T> & {
  /** beta of eq. 10; with a memory only. */
  readonly gate?: T; // [H]
  /** What the token adds to beta; with `gate: "token"` only. */
  readonly gateInput?: T; // [D, H]
  /** What queries, keys and values see of earlier tokens: a share [D] of the one before, or taps [4, D]. */
  readonly shift?: { readonly query: T; readonly key: T; readonly value: T };
  /** With `softmax` features only. */
  readonly temperature?: T; // [K, 1, 1]
  /** With the rules of tokens only, as are the strengths. */
  readonly readScale?: T; // [d]  scale of the norm on what is read
} & { readonly [name in keyof Strengths<T>]?: ChoiceParams<T> };

/** What chooses how strongly a token touches the memory. */
export type ChoiceParams<T> = {
  readonly strength: T; // [D, K]
  readonly context: T; // [H*d, K]  from what local attention gave
  readonly bias: T; // [K]
};

/** Tokens before the first that a layer needs. */
export function historyLength(shift: Shift): number {
  return { none: 0, token: 1, convolution: CONVOLUTION_TAPS - 1 }[shift];
}

/** Keys look at their own token and the one before alike; queries and values start from their own token alone. */
const INITIAL_SHIFT = { query: 0, key: 0.5, value: 0 };

/** Tokens are written and erase at half strength to begin with, and forget next to nothing. */
const INITIAL_BIAS = { write: 0, erase: 0, forget: -2.9 };

/** Fresh weights; `outputGain` scales W_O. */
export function initInfiniParams(config: InfiniConfig, rng: Rng, outputGain: number): InfiniParams<FloatTensor> {
  return {
    ...initProjections(config, rng, outputGain),
    ...initShift(config, rng),
    ...initMemory(config, rng),
  };
}

// --- internal ---

function initShift({ modelDim, memory }: InfiniConfig, rng: Rng): Pick<InfiniParams<FloatTensor>, "shift"> {
  if (memory.shift === "none") return {};
  if (memory.shiftInit === "random") {
    const taps = (name: string): FloatTensor => initialTaps(modelDim, rng.fork(`${name} taps`), 0.5);
    return { shift: { query: taps("query"), key: taps("key"), value: taps("value") } };
  }
  const share = (before: number): FloatTensor => {
    if (memory.shift === "token") return filled([modelDim], before);
    const taps = Float32Array.from({ length: CONVOLUTION_TAPS * modelDim }, (_, i) =>
      i < modelDim ? 1 - before : i < 2 * modelDim ? before : 0,
    );
    return floatTensor([CONVOLUTION_TAPS, modelDim], taps);
  };
  const { query, key, value } = INITIAL_SHIFT;
  return { shift: { query: share(query), key: share(key), value: share(value) } };
}

function initMemory(config: InfiniConfig, rng: Rng): Partial<InfiniParams<FloatTensor>> {
  const { modelDim, numHeads, numKeyValueHeads: heads, headDim, memory } = config;
  if (memory.update === "none") return {};
  const { chooses } = memoryRules[memory.update];
  const choices = chooses.map((name) => [
    name,
    {
      strength: weight(modelDim, heads, rng.fork(name === "write" ? "strength" : `${name} strength`)),
      context: weight(numHeads * headDim, heads, rng.fork(name === "write" ? "context" : `${name} context`)),
      bias: filled([heads], INITIAL_BIAS[name]),
    },
  ]);
  return {
    gate: filled([numHeads], memory.gateInit),
    ...(memory.gate === "token" && { gateInput: zeros([modelDim, numHeads]) }),
    ...(featureMaps[memory.featureMap].tempered && { temperature: filled([heads, 1, 1], INITIAL_TEMPERATURE) }),
    ...(chooses.length > 0 && { readScale: filled([headDim], 1) }),
    ...Object.fromEntries(choices),
  };
}
