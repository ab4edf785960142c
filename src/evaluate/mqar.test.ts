import { OptionError } from "../base/errors.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Engine, Program } from "../engine/engine.ts";
import { createNodeEngine } from "../engine/ort/ort-node.ts";
import { tinyModel, weightsOf } from "../runtime/fixtures.ts";
import type { LaneTokens } from "../runtime/lane-tokens.ts";
import { createSession, type Session } from "../runtime/session.ts";
import { input } from "../graph/builder.ts";
import { createGraph } from "../graph/graph.ts";
import { intTensor, type HostTensor } from "../tensor/host-tensor.ts";
import { flatten } from "../tensor/tree.ts";
import { layerInputs, parameterInputs } from "../model/inputs.ts";
import type { LoadedModel } from "../model/transformer.ts";
import { parseRunConfig } from "../train/config.ts";
import { runTraining, trainedModel } from "../train/run.ts";
import { fakeSession } from "./fixtures.ts";
import { evaluateMqar, type MqarEvaluation, type MqarRow } from "./mqar.ts";

const V = 20;
const options: MqarEvaluation = { pairs: [4], lengths: [16], samples: 5, seed: 1, vocabulary: V };
const loaded = tinyModel({}, V);
let engine: Engine;

beforeAll(async () => {
  engine = await createNodeEngine({ threads: 1 });
});

describe("evaluateMqar of a random model", () => {
  let session: Session;
  beforeAll(() => {
    session = createSession({ loaded, engine, batch: 3 });
  });
  afterAll(() => session.dispose());

  it.each([
    { length: 16, pairs: 4, distance: 0 },
    { length: 16, pairs: 3, distance: 8 },
    { length: 18, pairs: 3, distance: 2 },
  ])("matches the model over whole sequences of $length and $distance tokens", async (size) => {
    const read: number[][] = [];
    const sizes = { pairs: [size.pairs], lengths: [size.length], distances: [size.distance] };
    const [row] = await evaluateMqar(recorded(session, read), {
      ...options,
      ...sizes,
      samples: 40,
      randomNonQueries: false,
    });
    const sequences = read.slice(0, 40);
    expect(sequences.every((tokens) => tokens.length === size.length + size.distance)).toBe(true);
    const program = await everyLogit(loaded, size.length + size.distance);
    const shares: number[] = [];
    for (const tokens of sequences) shares.push(await shareRight(program, tokens, 2 * size.pairs));
    const mean = shares.reduce((sum, share) => sum + share, 0) / 40;
    expect(mean).toBeGreaterThan(0);
    expect(row).toMatchObject({ ...size, samples: 40, exact: shares.filter((share) => share === 1).length / 40 });
    expect(row?.accuracy).toBeCloseTo(mean, 12);
    const variance = shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / 39;
    expect(row?.standardError).toBeCloseTo(Math.sqrt(variance / 40), 12);
  });

  it("is near chance", async () => {
    const [row] = await evaluateMqar(session, { ...options, samples: 150 });
    expect(Math.abs((row?.accuracy ?? 1) - 1 / V)).toBeLessThan(0.06);
    expect(row?.exact).toBe(0);
  });

  it("refuses impossible sizes before reading anything", async () => {
    const read: number[][] = [];
    const refuse = async (changes: Partial<MqarEvaluation>, problem: string): Promise<void> => {
      await expect(evaluateMqar(recorded(session, read), { ...options, ...changes })).rejects.toThrow(
        new OptionError(problem),
      );
    };
    const { vocabulary: _, ...definition } = options;
    await expect(evaluateMqar(recorded(session, read), definition)).rejects.toThrow(
      new OptionError("mqar has a vocabulary of 8192 tokens, but the model has one of 20"),
    );
    await refuse({ pairs: [2, 5] }, "mqar with 5 pairs needs 20 tokens without filler, got 16 tokens");
    await refuse({ distances: [0, 3] }, "the length of mqar must be even, got 19");
    await refuse(
      { lengths: [20] },
      "the vocabulary of mqar must be larger than the sequence without filler: got 20 for 20 tokens",
    );
    await refuse({ lengths: [16, 18] }, "mqar needs one length, or one for each of the 1 pairs, got 2");
    await refuse({ lengths: [] }, "mqar needs one length, or one for each of the 1 pairs, got 0");
    expect(read).toEqual([]);
  });
});

describe("evaluateMqar", () => {
  it("scores a session that recalls everything as right, at every size and distance", async () => {
    const rows = await evaluateMqar(recallingSession(2), {
      ...options,
      pairs: [2, 4],
      lengths: [12, 18],
      distances: [0, 10],
    });
    expect(rows.map(({ pairs, length, distance }) => [pairs, length, distance])).toEqual([
      [2, 12, 0],
      [2, 12, 10],
      [4, 18, 0],
      [4, 18, 10],
    ]);
    for (const row of rows) {
      expect(row).toMatchObject({ samples: 5, accuracy: 1, standardError: 0, exact: 1 });
      expect(row.tokensPerSecond * row.seconds).toBeCloseTo(6 * (row.length + row.distance), 6);
    }
  });

  it("takes one length for all numbers of pairs", async () => {
    const rows = await evaluateMqar(recallingSession(1), { ...options, pairs: [1, 2, 3] });
    expect(rows.map(({ pairs, length, accuracy }) => [pairs, length, accuracy])).toEqual([
      [1, 16, 1],
      [2, 16, 1],
      [3, 16, 1],
    ]);
  });

  it("tells right single answers from sequences that are right throughout", async () => {
    // In one of two lanes the last key stated is forgotten.
    const session = recallingSession(2, (tokens, lane) => (lane === 1 ? tokens.toSpliced(6, 1, 0) : tokens));
    const [row] = await evaluateMqar(session, { ...options, samples: 4 });
    expect(row).toMatchObject({ accuracy: 0.875, exact: 0.5 });
    expect(row?.standardError).toBeCloseTo(Math.sqrt((4 * 0.125 ** 2) / 3 / 4), 12);
  });

  it("reads the same sequences for any number of lanes, and others for another seed", async () => {
    const read = async (batch: number, changes: object = {}): Promise<string[]> => {
      const sequences: number[][] = [];
      await evaluateMqar(recorded(recallingSession(batch), sequences), { ...options, samples: 6, ...changes });
      return sequences.map(String);
    };
    const one = await read(1);
    expect(new Set(one).size).toBe(6);
    expect(await read(3)).toEqual(one);
    expect((await read(4)).slice(0, 6)).toEqual(one);
    expect((await read(1, { seed: 2 })).filter((sequence) => one.includes(sequence))).toEqual([]);
  });

  it("scores exactly as many sequences as requested, though lanes are left over", async () => {
    let rounds = 0;
    const session = recallingSession(4, (tokens, lane) => (rounds === 2 && lane >= 2 ? [] : tokens));
    const counted = { ...session, reset: () => ((rounds += 1), session.reset()) };
    const [row] = await evaluateMqar(counted, { ...options, samples: 6 });
    expect(row).toMatchObject({ samples: 6, accuracy: 1, exact: 1 });
    expect(rounds).toBe(2);
  });

  it("reports each row, and all tokens at the end, never going backwards", async () => {
    const seen: [number, number][] = [];
    const told: MqarRow[] = [];
    const rows = await evaluateMqar(recallingSession(2), {
      ...options,
      distances: [0, 10],
      onProgress: (done, total) => seen.push([done, total]),
      onRow: (row) => told.push(row),
    });
    const total = 3 * (16 + 26);
    expect(told).toEqual(rows);
    expect(seen.at(-1)).toEqual([total, total]);
    expect(seen.every(([done, of], i) => of === total && done >= (seen[i - 1]?.[0] ?? 0))).toBe(true);
  });
});

describe("a small model", () => {
  it("learns to recall through its memory", async () => {
    // The four pairs fill the first segment, so every answer has to come from the memory.
    const config = parseRunConfig({
      model: {
        vocabularySize: 64,
        modelDim: 32,
        numLayers: 1,
        numHeads: 1,
        headDim: 16,
        feedForwardDim: 16,
        segmentLength: 8,
      },
      training: {
        steps: 120,
        batch: 32,
        length: 24,
        learningRate: 1e-2,
        warmupSteps: 10,
        mixture: [{ task: "mqar", share: 1, pairs: [4], vocabulary: 64 }],
      },
    });
    const recall = { ...options, lengths: [24], samples: 60, vocabulary: 64 };
    const accuracy = async (model: LoadedModel): Promise<number> => {
      const session = createSession({ loaded: model, engine, batch: 20 });
      const [row] = await evaluateMqar(session, recall);
      await session.dispose();
      return row?.accuracy ?? NaN;
    };
    const position = await runTraining({ config, documents: [], engine });
    expect(await accuracy(tinyModel({}, 64))).toBeLessThan(0.1);
    expect(await accuracy(trainedModel(config, position))).toBeGreaterThan(0.7);
  });
});

// --- internal ---

/** The session; what each lane reads from one reset to the next goes to `read`, round by round. */
function recorded(session: Session, read: number[][]): Session {
  let lanes: number[][] = [];
  const take = (tokens: LaneTokens): void => {
    const each = tokens instanceof Int32Array ? [tokens] : tokens;
    lanes.forEach((lane, i) => lane.push(...(each[i] ?? [])));
  };
  return {
    ...session,
    get position() {
      return session.position;
    },
    async reset() {
      await session.reset();
      lanes = Array.from({ length: session.batch }, () => []);
      read.push(...lanes);
    },
    read(tokens, onProgress) {
      take(tokens);
      return session.read(tokens, onProgress);
    },
    logits(tokens) {
      take(tokens);
      return session.logits(tokens);
    },
  };
}

/** A session that answers every token with what followed it first in what `remember` leaves of the sequence. */
function recallingSession(
  batch: number,
  remember: (tokens: readonly number[], lane: number) => readonly number[] = (tokens) => tokens,
): Session {
  const fake = fakeSession(batch, () => "");
  let lanes: number[][] = Array.from({ length: batch }, () => []);
  return {
    ...fake,
    loaded,
    get position() {
      return lanes[0]?.length ?? 0;
    },
    async reset() {
      lanes = Array.from({ length: batch }, () => []);
    },
    async read(tokens, onProgress) {
      const each = tokens as readonly Int32Array[];
      lanes.forEach((lane, i) => lane.push(...(each[i] ?? [])));
      onProgress?.(lanes[0]?.length ?? 0);
    },
    async logits(tokens) {
      const each = tokens as readonly Int32Array[];
      const length = each[0]?.length ?? 0;
      const logits = new Float32Array(batch * length * V);
      lanes.forEach((lane, i) => {
        const known = remember(lane, i);
        each[i]?.forEach((token, at) => {
          const answer = known[known.indexOf(token) + 1] ?? 0;
          logits[(i * length + at) * V + (known.includes(token) ? answer : 0)] = 1;
        });
        lane.push(...(each[i] ?? []));
      });
      return logits;
    },
  };
}

/** The logits [1, T, V] of whole sequences, in one graph. */
function everyLogit({ model, params }: LoadedModel, length: number): Promise<Program> {
  const weights = parameterInputs(params);
  const state = layerInputs(model.initialState(1), "state");
  const { hidden } = model.apply(weights, input("tokens", [1, length], "int32"), state);
  return engine.compile(createGraph({ logits: model.logits(weights, hidden) }));
}

/** Share of the queries, the nonzero tokens after the pairs, whose value has the largest logit. */
async function shareRight(program: Program, tokens: readonly number[], told: number): Promise<number> {
  const results = await program.run({
    ...weightsOf(loaded),
    ...flatten<HostTensor>(loaded.model.initialState(1), "state"),
    tokens: intTensor([1, tokens.length], Int32Array.from(tokens)),
  });
  const logits = [...(results.logits?.data ?? [])];
  const pairs = new Map(Array.from({ length: told / 2 }, (_, i) => [tokens[2 * i] ?? -1, tokens[2 * i + 1] ?? -1]));
  const answers = tokens.flatMap((token, i) => {
    const value = pairs.get(token);
    if (i < told || value === undefined) return [];
    const row = logits.slice(i * V, (i + 1) * V);
    return [row.indexOf(Math.max(...row)) === value];
  });
  expect(answers.length).toBe(told / 2);
  return answers.filter(Boolean).length / answers.length;
}
