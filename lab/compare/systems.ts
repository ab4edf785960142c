import type { ModelConfig, ModelConfigInput } from "../../src/model/config.ts";
import { memoryFootprints, type FootprintOptions } from "../../src/model/cost.ts";
import { sizeOf, type FloatTensor } from "../../src/tensor/host-tensor.ts";
import { flatten } from "../../src/tensor/tree.ts";
import { createModel } from "../../src/model/transformer.ts";

/** One way to mix the sequence, in a model that is otherwise the same for all. */
export interface System {
  readonly name: string;
  /** As shown in tables. */
  readonly label: string;
  /** Whether it gets all seeds of a suite; the others get one. */
  readonly main: boolean;
  /** Its config in a model of this shape. */
  mixing(shape: ModelConfigInput): Pick<ModelConfigInput, "memory" | "mixer">;
  /** Numbers kept between segments, by its row of table 1 of the paper. Default: those of its state. */
  kept?(config: ModelConfig): number;
  /** Tokens before the segment that attention reaches: the `XL cache` of table 2. Default: none. */
  cacheLength?(config: ModelConfig): number;
}

/** The paper's memory apart from its update rule: as published, with nothing added. */
const PAPER = { featureMap: "elu-plus-one", gate: "head", shift: "none", cache: false } as const;
/** How recurrent models look back; see the system that has nothing else. */
const CONVOLUTION = { shift: "convolution", shiftInit: "random" } as const;
/** Apart from its update rule: a gate that starts nearly shut, since an untrained memory only disturbs. */
const OURS = { ...CONVOLUTION, gateInit: -3 } as const;
const NO_MEMORY = { update: "none", shift: "none" } as const;

/** Vectors of the Recurrent Memory Transformer, as a share of the segment: the paper found 100 to 2,048 best. */
const RECURRENT_SHARE = 1 / 16;

/** First tokens that a window keeps; 4 as in StreamingLLM. */
const SINKS = 4;
/** Segments that full attention sees: as many as in a training sequence of the suites. */
const CONTEXT_SEGMENTS = 16;
/** Segments in the store of Memorizing Transformers; table 2 of the paper has 32. */
const STORE_SEGMENTS = 16;

const oneSegment = ({ segmentLength }: ModelConfig): number => segmentLength;
const keptByInfini = (config: ModelConfig): number => tableOne("Infini-Transformer", config);

/** Every system that is compared, in the order of the table. To add one, add an entry here. */
export const SYSTEMS: readonly System[] = [
  {
    name: "local",
    label: "Local attention",
    main: false,
    mixing: () => ({ memory: { ...NO_MEMORY, cache: false } }),
    kept: () => 0,
  },
  {
    name: "local-convolution",
    label: "Local attention, convolution",
    main: false,
    mixing: () => ({ memory: { update: "none", ...CONVOLUTION } }),
    kept: () => 0,
  },
  {
    name: "window",
    label: "Window with sinks",
    main: false,
    mixing: ({ segmentLength }) => ({ mixer: { kind: "window", windowLength: 2 * segmentLength, sinks: SINKS } }),
    cacheLength: (config) => 2 * config.segmentLength,
  },
  {
    name: "full",
    label: "Full attention",
    main: false,
    mixing: ({ segmentLength }) => ({ mixer: { kind: "full", contextLength: CONTEXT_SEGMENTS * segmentLength } }),
    cacheLength: (config) => CONTEXT_SEGMENTS * config.segmentLength,
  },
  {
    name: "transformer-xl",
    label: "Transformer-XL",
    main: true,
    mixing: () => ({ mixer: { kind: "transformer-xl" } }),
    kept: (config) => tableOne("Transformer-XL", config),
    cacheLength: oneSegment,
  },
  {
    name: "compressive",
    label: "Compressive Transformer",
    main: false,
    mixing: () => ({ mixer: { kind: "compressive" } }),
    kept: (config) => tableOne("Compressive Transformer", config),
    cacheLength: oneSegment,
  },
  {
    name: "memorizing",
    label: "Memorizing Transformers",
    main: true,
    mixing: ({ segmentLength }) => ({ mixer: { kind: "memorizing", storeSize: STORE_SEGMENTS * segmentLength } }),
    kept: (config) => tableOne("Memorizing Transformers", config, { storeSize: STORE_SEGMENTS * config.segmentLength }),
    cacheLength: oneSegment,
  },
  {
    name: "recurrent-memory",
    label: "RMT",
    main: false,
    mixing: ({ segmentLength }) => ({
      mixer: { kind: "recurrent-memory", memoryTokens: Math.max(1, Math.round(segmentLength * RECURRENT_SHARE)) },
    }),
    kept: (config) =>
      tableOne(
        "Recurrent Memory Transformer",
        config,
        config.mixer?.kind === "recurrent-memory" ? { promptVectors: config.mixer.memoryTokens } : {},
      ),
  },
  {
    name: "mamba2",
    label: "Mamba-2",
    main: true,
    // As many heads as attention has, in twice the width; as published, 64 is the size of a head.
    mixing: ({ headDim }) => ({ mixer: { kind: "mamba2", headDim: 2 * headDim, stateDim: 2 * headDim } }),
  },
  {
    name: "gated-deltanet",
    label: "Gated DeltaNet",
    main: false,
    mixing: () => ({ mixer: { kind: "gated-deltanet" } }),
  },
  {
    name: "infini-linear",
    label: "Infini (Linear)",
    main: true,
    mixing: () => ({ memory: { ...PAPER, update: "linear" } }),
    kept: keptByInfini,
  },
  {
    name: "infini-delta",
    label: "Infini (Linear + Delta)",
    main: false,
    mixing: () => ({ memory: { ...PAPER, update: "delta" } }),
    kept: keptByInfini,
  },
  {
    name: "infini-token-delta",
    label: "Infini (token delta), ours",
    main: true,
    mixing: () => ({ memory: { ...OURS, update: "token-delta", writeStrength: "hard-sigmoid" } }),
  },
  {
    name: "infini-gated-token-delta",
    label: "Infini (gated token delta), ours",
    main: true,
    mixing: () => ({ memory: { ...OURS, update: "gated-token-delta", writeStrength: "sigmoid" } }),
  },
];

/** The plain transformer whose size the others match. */
export const PLAIN: Pick<ModelConfigInput, "memory"> = { memory: { ...NO_MEMORY } };

/** Numbers that a system keeps between segments. */
export function keptNumbers({ kept }: System, config: ModelConfig): number {
  if (kept) return kept(config);
  const state = flatten<FloatTensor>(createModel(config).initialState(1));
  return Object.values(state).reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}

// --- internal ---

/** Numbers by a row of table 1 of the paper. */
function tableOne(architecture: string, config: ModelConfig, options: FootprintOptions = {}): number {
  const row = memoryFootprints(config, options).find((found) => found.architecture === architecture);
  if (!row) throw new RangeError(`table 1 has no row "${architecture}"`);
  return row.entries;
}
