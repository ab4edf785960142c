import { z } from "zod";

const number = z.number();

const machineSchema = z.strictObject({
  hardware: z.strictObject({ cpu: z.string(), cores: number, memoryBytes: number }),
  versions: z.record(z.string(), z.string()),
});

const binSchema = z.strictObject({ from: number, to: number.optional(), tokens: number, bitsPerByte: number });

/** Tokens trained on, and the mean loss in nats of the steps since the point before. */
const lossSchema = z.array(z.tuple([number, number]));

const runKeys = {
  /** Hash of the config, the texts and what is measured. */
  hash: z.string(),
  system: z.string(),
  seed: number,
  learningRate: number,
  tokens: number,
  length: number,
  configHash: z.string(),
};

const divergedSchema = z.strictObject({ ...runKeys, diverged: z.string() });

const measuredSchema = z.strictObject({
  ...runKeys,
  training: z.strictObject({
    steps: number,
    tokens: number,
    minutes: number,
    loss: lossSchema,
    /**
     * Peak resident memory of the process after any step; absent if the process that measured took no step.
     */
    residentBytes: number.optional(),
  }),
  validation: z.strictObject({ bitsPerByte: number, tokens: number }),
  test: z
    .strictObject({
      bitsPerByte: number,
      perplexity: number,
      tokens: number,
      /** Of one stream, including everything that is read, and compilation. */
      tokensPerSecond: number,
      byPosition: z.array(binSchema),
    })
    .optional(),
  /** Of a session of one stream. */
  stateBytes: number,
  /** sigmoid(beta) by layer and head. */
  gates: z.array(z.array(number)),
  machine: machineSchema,
});

/** The contents of a run's file: what was measured, or why there was nothing to measure. */
export const runResultSchema = z.union([measuredSchema, divergedSchema]);
export type RunResult = z.output<typeof runResultSchema>;
export type MeasuredRun = z.output<typeof measuredSchema>;

/** Over seeds; the error of the mean where there are two or more. */
const meanSchema = z.strictObject({ mean: number, standardError: number.optional(), count: number });
export type Mean = z.output<typeof meanSchema>;

const systemSchema = z.strictObject({
  name: z.string(),
  label: z.string(),
  model: z.looseObject({ segmentLength: number }),
  parameters: number,
  /** Difference from those of a plain transformer, as a share of them. */
  deviation: number,
  /** Kept between segments, by table 1 of the paper where it has the system. */
  keptNumbers: number,
  /** Tokens before the segment that attention reaches. */
  cacheLength: number,
  stateBytes: number,
  /** Of a key/value cache of full attention in this model. */
  keyValueBytesPerToken: number,
  learningRate: number,
  trials: z.array(z.strictObject({ learningRate: number, bitsPerByte: number.optional() })),
  bitsPerByte: meanSchema,
  perplexity: meanSchema,
  byPosition: z.array(z.strictObject({ from: number, to: number.optional(), tokens: number, bitsPerByte: meanSchema })),
  trainingTokensPerSecond: meanSchema,
  streamingTokensPerSecond: meanSchema,
  /** While training; the lowest of the runs, since a process retains some memory from earlier work. */
  residentBytes: number.optional(),
  /** Of the first seed. */
  loss: lossSchema,
  gates: z.array(z.array(number)),
  runs: z.array(
    z.strictObject({
      seed: number,
      hash: z.string(),
      configHash: z.string(),
      bitsPerByte: number,
      perplexity: number,
      validationBitsPerByte: number,
      minutes: number,
      trainedTokens: number,
    }),
  ),
});
export type SystemResult = z.output<typeof systemSchema>;

const splitSchema = z.strictObject({ documents: number, bytes: number });

/** What `results/compare-SUITE.json` holds. */
export const comparisonSchema = z.strictObject({
  suite: z.string(),
  title: z.string(),
  texts: z.strictObject({
    hash: z.string(),
    train: splitSchema,
    /** As much as is read of them. */
    validation: splitSchema,
    test: splitSchema,
  }),
  tokens: number,
  length: number,
  searchShare: number,
  learningRates: z.array(number),
  systems: z.array(systemSchema),
  /** The same number of tokens in sequences of other lengths. */
  lengths: z.array(
    z.strictObject({
      system: z.string(),
      label: z.string(),
      length: number,
      hash: z.string(),
      bitsPerByte: number,
      perplexity: number,
    }),
  ),
  /** Systems that lack a run, and runs whose loss was not a number. */
  missing: z.array(z.string()),
  diverged: z.array(z.string()),
  machines: z.array(machineSchema),
});
export type Comparison = z.output<typeof comparisonSchema>;

/** A curve of at most `points` points, each the mean loss of the same number of steps. */
export function lossCurve(
  losses: readonly number[],
  tokensPerStep: number,
  points = 100,
): [tokens: number, nats: number][] {
  const steps = Math.max(1, Math.ceil(losses.length / points));
  return Array.from({ length: Math.ceil(losses.length / steps) }, (_, i) => {
    const part = losses.slice(i * steps, (i + 1) * steps);
    return [(i * steps + part.length) * tokensPerStep, part.reduce((sum, loss) => sum + loss, 0) / part.length];
  });
}
