import { floatTensor } from "../../tensor/host-tensor.ts";
import { filledSpec, matrixSpec } from "../../nn/init.ts";
import { paramSpec, type ParamSpec } from "../../nn/spec.ts";
import { CONVOLUTION_TAPS, randomTaps } from "../../nn/token-shift.ts";
import { projectionSpecs, type ProjectionParams } from "../shared/projections.ts";
import type { InfiniConfig, Shift } from "./config.ts";
import { featureMaps, INITIAL_TEMPERATURE } from "./features.ts";
import { ofMemoryHeads } from "./heads.ts";
import { memoryRules } from "./memory.ts";
import type { Strengths } from "./rule.ts";

/**
 * Weights of an Infini-attention layer; K key/value heads, each for G = H / K query heads, of which K' and their H' query heads
 * have the memory.
 */
export type InfiniParams<T, W = T> = ProjectionParams<W> & {
  /** beta of eq. 10; with a memory only. */
  readonly gate?: T; // [H']
  /** What the token adds to beta; with `gate: "token"` only. */
  readonly gateInput?: W; // [H', D]
  /** What queries, keys and values see of earlier tokens: a share [D] of the one before, or taps [4, D]. */
  readonly shift?: { readonly query: T; readonly key: T; readonly value: T };
  /** With `softmax` features only. */
  readonly temperature?: T; // [K', 1, 1]
  /** With the rules of tokens only, as are the strengths. */
  readonly readScale?: T; // [d]  scale of the norm on what is read
} & { readonly [name in keyof Strengths<T>]?: ChoiceParams<T, W> };

/** What chooses how strongly a token touches the memory. */
export type ChoiceParams<T, W = T> = {
  readonly strength: W; // [K', D]
  readonly context: W; // [K', H*d]  from what local attention gave
  readonly bias: T; // [K']
};

/** Tokens before the first that a layer needs. */
export function historyLength(shift: Shift): number {
  return { none: 0, token: 1, convolution: CONVOLUTION_TAPS - 1 }[shift];
}

/** Keys look at their own token and the one before alike; queries and values start from their own token alone. */
const INITIAL_SHIFT = { query: 0, key: 0.5, value: 0 };

/** Tokens are written and erase at half strength to begin with, and forget next to nothing. */
const INITIAL_BIAS = { write: 0, erase: 0, forget: -2.9 };

/** `outputGain` scales W_O. */
export function infiniSpecs(config: InfiniConfig, outputGain: number): InfiniParams<ParamSpec> {
  return { ...projectionSpecs(config, outputGain), ...shiftSpecs(config), ...memorySpecs(config) };
}

// --- internal ---

function shiftSpecs({ modelDim: D, memory }: InfiniConfig): Pick<InfiniParams<ParamSpec>, "shift"> {
  if (memory.shift === "none") return {};
  const spec = (name: keyof typeof INITIAL_SHIFT): ParamSpec => {
    if (memory.shift === "token") return filledSpec("bias", [D], INITIAL_SHIFT[name]);
    return memory.shiftInit === "random" ? randomTaps(`${name} taps`, D, 0.5) : ownTaps(D, INITIAL_SHIFT[name]);
  };
  return { shift: { query: spec("query"), key: spec("key"), value: spec("value") } };
}

/** Taps [4, D] that see the token itself, and the one before it to this degree. */
function ownTaps(D: number, before: number): ParamSpec {
  const tapAt = (_: unknown, i: number): number => (i < D ? 1 - before : i < 2 * D ? before : 0);
  return paramSpec("bias", [CONVOLUTION_TAPS, D], () =>
    floatTensor([CONVOLUTION_TAPS, D], Float32Array.from({ length: CONVOLUTION_TAPS * D }, tapAt)),
  );
}

function memorySpecs(config: InfiniConfig): Partial<InfiniParams<ParamSpec>> {
  const { modelDim: D, headDim: d, memory } = config;
  if (memory.update === "none") return {};
  const { numHeads: H, numKeyValueHeads: K } = ofMemoryHeads(config);
  const { chooses } = memoryRules[memory.update];
  const choices = chooses.map((name) => {
    const prefix = name === "write" ? "" : `${name} `;
    const choice: ChoiceParams<ParamSpec> = {
      strength: matrixSpec(`${prefix}strength`, D, K),
      context: matrixSpec(`${prefix}context`, config.numHeads * d, K),
      bias: filledSpec("bias", [K], INITIAL_BIAS[name]),
    };
    return [name, choice];
  });
  return {
    gate: filledSpec("gate", [H], memory.gateInit),
    ...(memory.gate === "token" && { gateInput: filledSpec("matrix", [H, D], 0) }),
    ...(featureMaps[memory.featureMap].tempered && { temperature: filledSpec("bias", [K, 1, 1], INITIAL_TEMPERATURE) }),
    ...(chooses.length > 0 && { readScale: filledSpec("norm", [d], 1) }),
    ...Object.fromEntries(choices),
  };
}
