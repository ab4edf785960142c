import { z } from "zod";

const number = z.number();
const passkeyRow = z.looseObject({
  length: number,
  depth: number,
  samples: number,
  tokenAccuracy: number,
  standardError: number,
  exactMatch: number,
  exactStandardError: number,
});
const mqarRow = z.looseObject({
  pairs: number,
  length: number,
  distance: number,
  samples: number,
  accuracy: number,
  standardError: number,
  exact: number,
});
const recallRow = z.looseObject({
  task: z.string(),
  length: number,
  samples: number,
  score: number,
  standardError: number,
});
const memoryRow = z.strictObject({
  tokens: number,
  repeats: number,
  /** Most resident memory of the process: median of the repeats, and all of them. */
  residentBytes: number,
  allResidentBytes: z.array(number),
  /** Median of the repeats, and all of them. */
  tokensPerSecond: number,
  allTokensPerSecond: z.array(number),
  /** What a key/value cache of that many tokens would take. */
  keyValueCacheBytes: number,
});

const measured = <Kind extends string, Row extends z.ZodType>(kind: Kind, row: Row) =>
  z.strictObject({
    kind: z.literal(kind),
    settings: z.looseObject({ kind: z.literal(kind) }),
    seconds: number,
    rows: z.array(row),
  });

/** The results of measuring one model in one way. */
export const measuredSchema = z.discriminatedUnion("kind", [
  measured("passkey", passkeyRow),
  measured("mqar", mqarRow),
  measured("recall", recallRow),
  measured("constant-memory", memoryRow),
]);

/** The file of an experiment in `results`: one model, and everything measured on it. */
export const experimentSchema = z.strictObject({
  name: z.string(),
  /** Tells apart configs, training texts and weights that were used unchanged. */
  modelHash: z.string(),
  config: z.strictObject({ model: z.looseObject({ segmentLength: number }), training: z.looseObject({}) }),
  configHash: z.string(),
  /** Of weights and training data. */
  seed: number,
  parameters: number,
  /** Of one stream. */
  stateBytes: number,
  /** None if a model folder was used unchanged. */
  trained: z.strictObject({ steps: number, tokens: number, minutes: number }).optional(),
  hardware: z.strictObject({ cpu: z.string(), cores: number, memoryBytes: number }),
  versions: z.record(z.string(), z.string()),
  evaluations: z.array(measuredSchema),
});

export type Experiment = z.output<typeof experimentSchema>;
export type Measured = Experiment["evaluations"][number];
export type MemoryRow = z.output<typeof memoryRow>;
/** A row of a kind of evaluation. */
export type RowOf<Kind extends Measured["kind"]> = Extract<Measured, { kind: Kind }>["rows"][number];
