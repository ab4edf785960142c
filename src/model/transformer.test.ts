import { describe, expect, it } from "vitest";
import { MEMORY_UPDATES } from "../mixers/infini/config.ts";
import { expectClose } from "../engine/engine.suite.ts";
import { evaluate, type Float64Tensor, type NumericTensor } from "../engine/reference/reference.ts";
import { input } from "../graph/builder.ts";
import { createGraph } from "../graph/graph.ts";
import { intTensor, type FloatTensor, type HostTensor } from "../tensor/host-tensor.ts";
import { GraphError, type Tensor } from "../graph/tensor.ts";
import { flatten, type Flat } from "../tensor/tree.ts";
import { createRng } from "../base/random.ts";
import { parseModelConfig, type ModelConfig, type ModelConfigInput } from "./config.ts";
import { layerInputs, parameterInputs } from "./inputs.ts";
import { createModel, freshParams, resetLanes, type ModelParams } from "./transformer.ts";

const N = 4;
const V = 11;

describe.each(MEMORY_UPDATES.filter((update) => update !== "none"))("a model with the %s memory", (update) => {
  const config = configOf({ memory: { update } });

  it("sees no token that comes later, and every one before", () => {
    const tokens = randomTokens(2, 3 * N, 1);
    const before = run(config, tokens).logits;
    for (const changed of [1, N - 1, N, 2 * N + 1]) {
      const after = run(config, replaced(tokens, changed)).logits;
      const moved = [...Array(3 * N).keys()].filter((t) => distance(rowOf(before, 0, t), rowOf(after, 0, t)) > 1e-9);
      expect(moved).toEqual([...Array(3 * N).keys()].slice(changed));
      for (const t of moved.keys()) expect(distance(rowOf(before, 1, t), rowOf(after, 1, t))).toBe(0);
    }
  });

  it("gives the same in one go and segment by segment", () => {
    const tokens = randomTokens(2, 3 * N, 2);
    const whole = run(config, tokens);
    let state: Flat<NumericTensor> = emptyState(config, 2);
    for (let s = 0; s < 3; s++) {
      const part = run(config, columns(tokens, s * N, (s + 1) * N), { state });
      for (const lane of [0, 1]) {
        for (let t = 0; t < N; t++) {
          expect(distance(rowOf(part.logits, lane, t), rowOf(whole.logits, lane, s * N + t))).toBeLessThan(1e-9);
        }
      }
      state = part.state;
    }
    expect(Object.keys(state)).toEqual(Object.keys(whole.state));
    for (const [name, value] of Object.entries(whole.state)) expectClose(state[name], value, 1e-9);
  });

  it("remembers what lies in another segment", () => {
    const first = randomTokens(1, 2 * N, 3);
    const last = (tokens: HostTensor): number[] => rowOf(run(config, tokens).logits, 0, 2 * N - 1);
    expect(distance(last(first), last(replaced(first, 0)))).toBeGreaterThan(1e-5);
  });

  it("is reset in the lanes that are flagged, and in no other", () => {
    const [past, next] = [randomTokens(3, 2 * N, 4), randomTokens(3, N, 5)];
    const { state } = run(config, past);
    expect(Object.values(state).every(({ data }) => data.some((value) => value !== 0))).toBe(true);
    const flags = intTensor([3], Int32Array.of(0, 1, 0));
    const emptied = resetLanes(stateInputs(config, 3), input("flags", [3], "int32"));
    const reset = evaluate(createGraph(flatten<Tensor>(emptied, "next.state")), { ...state, flags });
    for (const [name, { shape, data }] of Object.entries(state)) {
      const size = data.length / 3;
      const expected = Array.from(data, (value, i) => (Math.floor(i / size) === 1 ? 0 : value));
      expect(reset[`next.${name}`]).toEqual({ shape, data: Float64Array.from(expected) });
    }
    // Lane 1 goes on as a stream that has just begun, its neighbours as if nothing had happened.
    const resumed = run(config, next, { state: renamed(reset, "next.") }).logits;
    const [fresh, continued] = [run(config, next).logits, run(config, next, { state }).logits];
    for (let t = 0; t < N; t++) {
      expect(rowOf(resumed, 0, t)).toEqual(rowOf(continued, 0, t));
      expect(rowOf(resumed, 1, t)).toEqual(rowOf(fresh, 1, t));
      expect(rowOf(resumed, 2, t)).toEqual(rowOf(continued, 2, t));
      expect(distance(rowOf(resumed, 1, t), rowOf(continued, 1, t))).toBeGreaterThan(1e-6);
    }
  });
});

describe("createModel", () => {
  it("begins with an empty past: all zeros, batch first", () => {
    const model = createModel(configOf({}));
    for (const tree of [model.initialState(3), model.emptySegment(3)]) {
      const leaves = Object.values(flatten<FloatTensor>(tree));
      expect(leaves.length).toBeGreaterThan(0);
      expect(leaves.every(({ shape, data }) => shape[0] === 3 && data.every((value) => value === 0))).toBe(true);
    }
  });

  it("refuses half a segment", () => {
    expect(() => run(configOf({}), randomTokens(1, N + 2, 1))).toThrow(GraphError);
  });

  it("draws weights by seed: equal ones for equal seeds, others for others", () => {
    const model = createModel(configOf({ tieEmbeddings: false }));
    expect(freshParams(model, createRng(1))).toEqual(freshParams(model, createRng(1)));
    const [one, two] = [
      flatten<FloatTensor>(freshParams(model, createRng(1))),
      flatten<FloatTensor>(freshParams(model, createRng(2))),
    ];
    const matrices = Object.entries(one).filter(([, { shape }]) => shape.length === 2);
    expect(matrices.length).toBeGreaterThan(10);
    for (const [name, value] of matrices) expect(two[name]).not.toEqual(value);
    // No two matrices of one model are drawn alike.
    const beginnings = matrices.map(
      ([, { shape, data }]) => ((data[0] ?? 0) / (data[1] ?? 0)).toFixed(6) + String(shape.length),
    );
    expect(new Set(beginnings).size).toBe(matrices.length);
  });

  it("starts with a loss near that of a guess", () => {
    const [tokens, targets] = [randomTokens(2, 2 * N, 1), randomTokens(2, 2 * N, 2)];
    const { losses } = lossesOf(configOf({}), tokens, targets);
    expect(losses.reduce((total, loss) => total + loss) / (4 * N)).toBeCloseTo(Math.log(V), 0);
  });
});

describe("the head", () => {
  const tokens = randomTokens(1, N, 1);

  it("is the embedding where they are tied", () => {
    const config = configOf({ tieEmbeddings: true });
    const params = paramsOf(config);
    expect(params.head).toBeUndefined();
    const { logits, hidden } = run(config, tokens);
    const { data } = params.embedding;
    expectProduct(logits, hidden, (feature, token) => data[token * 8 + feature] ?? Number.NaN);
  });

  it("is a matrix of its own where they are not", () => {
    const config = configOf({ tieEmbeddings: false });
    const params = paramsOf(config);
    expect(params.head?.shape).toEqual([V, 8]);
    const { logits, hidden } = run(config, tokens);
    expectProduct(logits, hidden, (feature, token) => params.head?.data[token * 8 + feature] ?? Number.NaN);
  });

  it("does not change what tied and untied models see", () => {
    const [tied, untied] = [
      run(configOf({ tieEmbeddings: true }), tokens),
      run(configOf({ tieEmbeddings: false }), tokens),
    ];
    expect(untied.hidden).toEqual(tied.hidden);
    expect(untied.logits).not.toEqual(tied.logits);
  });
});

describe("losses", () => {
  it.each([true, false])("are those of the logits, with embeddings tied: %s", (tieEmbeddings) => {
    const targets = randomTokens(2, N, 2);
    const { losses, logits } = lossesOf(configOf({ tieEmbeddings }), randomTokens(2, N, 1), targets);
    expect(losses.length).toBe(2 * N);
    losses.forEach((loss, i) => {
      const row = logits.slice(i * V, (i + 1) * V);
      const total = row.reduce((sum, logit) => sum + Math.exp(logit), 0);
      expect(loss).toBeCloseTo(Math.log(total) - (row[targets.data[i] ?? -1] ?? Number.NaN), 9);
    });
  });
});

// --- internal ---

function configOf(changes: Partial<ModelConfigInput>): ModelConfig {
  return parseModelConfig({
    vocabularySize: V,
    modelDim: 8,
    numLayers: 2,
    numHeads: 4,
    numKeyValueHeads: 2,
    headDim: 4,
    feedForwardDim: 12,
    segmentLength: N,
    ...changes,
  });
}

function paramsOf(config: ModelConfig): ModelParams<FloatTensor> {
  return freshParams(createModel(config), createRng(3));
}

function stateInputs(config: ModelConfig, batch: number): ReturnType<typeof layerInputs> {
  return layerInputs(createModel(config).initialState(batch), "state");
}

function emptyState(config: ModelConfig, batch: number): Flat<HostTensor> {
  return flatten<HostTensor>(createModel(config).initialState(batch), "state");
}

interface Outcome {
  readonly hidden: Float64Tensor;
  readonly logits: Float64Tensor;
  /** Named as its inputs are. */
  readonly state: Flat<Float64Tensor>;
}

/** Whole segments in double precision, from an empty past unless there is a state. */
function run(config: ModelConfig, tokens: HostTensor, { state }: { state?: Flat<NumericTensor> } = {}): Outcome {
  const model = createModel(config);
  const params = paramsOf(config);
  const [batch = 0, length = 0] = tokens.shape;
  const symbols = parameterInputs(params);
  const result = model.apply(symbols, input("tokens", [batch, length], "int32"), stateInputs(config, batch));
  const logits = model.logits(symbols, result.hidden);
  const graph = createGraph({ hidden: result.hidden, logits, ...flatten<Tensor>(result.state, "next.state") });
  const feeds = { ...flatten<FloatTensor>(params, "params"), ...(state ?? emptyState(config, batch)), tokens };
  const { hidden, logits: computed, ...after } = evaluate(graph, feeds);
  if (!hidden || !computed) throw new Error("the graph lost an output");
  return { hidden, logits: computed, state: renamed(after, "next.") };
}

/** Without a prefix of every name. */
function renamed<T>(values: Flat<T>, prefix: string): Flat<T> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name.slice(prefix.length), value]));
}

/** Losses [B, T] and logits [B, T, V] of whole segments, in double precision. */
function lossesOf(
  config: ModelConfig,
  tokens: HostTensor,
  targets: HostTensor,
): { losses: Float64Array; logits: Float64Array } {
  const [model, params] = [createModel(config), paramsOf(config)];
  const [batch = 0, length = 0] = tokens.shape;
  const symbols = parameterInputs(params);
  const { hidden } = model.apply(symbols, input("tokens", [batch, length], "int32"), stateInputs(config, batch));
  const losses = model.losses(symbols, hidden, input("targets", [batch, length], "int32"));
  const graph = createGraph({ losses, logits: model.logits(symbols, hidden) });
  const feeds = { ...flatten<FloatTensor>(params, "params"), ...emptyState(config, batch), tokens, targets };
  const found = evaluate(graph, feeds);
  if (!found.losses || !found.logits) throw new Error("the graph lost an output");
  return { losses: found.losses.data, logits: found.logits.data };
}

/** Fails unless logits [1, T, V] are hidden [1, T, 8] times a matrix. */
function expectProduct(
  logits: Float64Tensor,
  hidden: Float64Tensor,
  matrix: (feature: number, token: number) => number,
): void {
  const expected = Array.from({ length: N * V }, (_, i) => {
    const [row, token] = [Math.floor(i / V), i % V];
    return Array.from({ length: 8 }, (_unused, f) => (hidden.data[row * 8 + f] ?? 0) * matrix(f, token)).reduce(
      (a, b) => a + b,
      0,
    );
  });
  expectClose(logits, { shape: [1, N, V], data: expected }, 1e-9);
}

function randomTokens(batch: number, length: number, seed: number): HostTensor {
  const rng = createRng(seed);
  return intTensor(
    [batch, length],
    Int32Array.from({ length: batch * length }, () => rng.integer(V)),
  );
}

/** Another token at a place of lane 0. */
function replaced({ shape, data }: HostTensor, at: number): HostTensor {
  return intTensor(
    shape,
    Int32Array.from(data, (token, i) => (i === at ? (token + 1) % V : token)),
  );
}

/** Tokens from .. to-1 of every lane. */
function columns({ shape, data }: HostTensor, from: number, to: number): HostTensor {
  const [batch = 0, length = 0] = shape;
  const kept = Array.from(data).filter((_, i) => i % length >= from && i % length < to);
  return intTensor([batch, to - from], Int32Array.from(kept));
}

function rowOf({ shape, data }: Float64Tensor, lane: number, position: number): number[] {
  const [, length = 0, width = 0] = shape;
  const start = (lane * length + position) * width;
  return Array.from(data.subarray(start, start + width));
}

function distance(a: readonly number[], b: readonly number[]): number {
  return Math.max(...a.map((value, i) => Math.abs(value - (b[i] ?? Number.NaN))));
}
