import type { ModelConfigInput } from "../../src/model/config.ts";
import type { RunConfigInput } from "../../src/train/config.ts";

/** What systems are compared on. Everything that changes the figures is here or in systems.ts. */
export interface Suite {
  readonly name: string;
  /** The kind of texts, as in the table's column. */
  readonly title: string;
  /** Everything except the mixer; `feedForwardDim` is that of the plain transformer. */
  readonly model: ModelConfigInput;
  /** Sequences of a training step. */
  readonly batch: number;
  /** Tokens of a training sequence. */
  readonly length: number;
  /**
   * Tokens after which a training document starts again with an empty memory, as the paper's sequences of 32,768 do. A
   * model whose memory was never empty in training cannot use an empty one.
   */
  readonly partLength: number;
  /** Of one training. */
  readonly tokens: number;
  readonly learningRates: readonly number[];
  /** Share of the tokens used to try each learning rate. */
  readonly searchShare: number;
  /** Seeds of main systems. The others get only the first. */
  readonly seeds: readonly number[];
  /** Bytes of validation text, over all its documents, used to choose learning rates. */
  readonly validationBytes: number;
  /** Bytes of each test document, from its start. */
  readonly testBytes: number;
  /** Positions in a document at which a new bin begins. */
  readonly edges: readonly number[];
  /**
   * The paper's longer training on a small scale: these systems, on sequences of these lengths, with the same total
   * tokens.
   */
  readonly lengths: { readonly systems: readonly string[]; readonly of: readonly number[] };
}

const K = 1024;

/**
 * What training reads: whole documents, from start to end, are what is compared, so this is the only place that says
 * it.
 */
export const MIXTURE: NonNullable<RunConfigInput["training"]["mixture"]> = [{ task: "documents", share: 1 }];

const SMALL: Omit<Suite, "name" | "title"> = {
  model: { modelDim: 96, numLayers: 3, numHeads: 3, headDim: 32, feedForwardDim: 256, segmentLength: 64 },
  batch: 4,
  length: 256,
  partLength: 8 * K,
  tokens: K * K,
  learningRates: [0.002, 0.005],
  searchShare: 1,
  seeds: [0, 1, 2],
  validationBytes: 200_000,
  testBytes: 256 * K,
  edges: [0, K, 4 * K, 16 * K, 64 * K],
  lengths: { systems: ["infini-linear", "infini-delta"], of: [256, 512, K] },
};

export const SUITES: readonly Suite[] = [
  { ...SMALL, name: "books", title: "Books" },
  { ...SMALL, name: "maths", title: "Maths" },
];

/** A suite at a size that only shows that everything runs. */
export function smokeOf(suite: Suite): Suite {
  return {
    ...suite,
    model: { modelDim: 16, numLayers: 2, numHeads: 2, headDim: 8, feedForwardDim: 24, segmentLength: 16 },
    batch: 2,
    length: 64,
    partLength: 256,
    tokens: 1024,
    learningRates: [0.003, 0.01],
    searchShare: 1 / 4,
    seeds: [0, 1],
    validationBytes: 512,
    testBytes: 1024,
    edges: [0, 64, 256],
    lengths: { ...suite.lengths, of: [32, 64] },
  };
}
