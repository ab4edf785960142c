import { OptionError } from "../../base/errors.ts";
import { describe, expect, it } from "vitest";
import { gradients } from "../../autodiff/gradients.ts";
import { expectClose } from "../../engine/engine.suite.ts";
import { evaluate, type NumericTensor } from "../../engine/reference/reference.ts";
import { input, mul, slice, sum } from "../../graph/builder.ts";
import { createGraph } from "../../graph/graph.ts";
import { filled, floatTensor, type FloatTensor } from "../../tensor/host-tensor.ts";
import { flatten, prefixed } from "../../tensor/tree.ts";
import {
  applied,
  applyGraph,
  at,
  cut,
  farthest,
  multiplications,
  noise,
  noisyParams,
  valueOf,
  type Values,
  freshOf,
} from "../testing/fixtures.ts";
import { hideEmpty } from "../shared/fifo.ts";
import { infiniAttention } from "../infini/mixer.ts";
import { mixerSuite } from "../testing/mixer.suite.ts";
import { transcriptionSuite } from "../testing/transcription.suite.ts";
import type { MemorizingConfig } from "./config.ts";
import { memorizingMultiplications } from "./cost.ts";
import fixtures from "./fixtures.json" with { type: "json" };
import { memorizingAttention } from "./mixer.ts";
import { naiveMemorizing } from "./naive.ts";
import type { MemorizingParams } from "./params.ts";
import { retrieve } from "./retrieval.ts";

const N = 4;
const D = 6;

/**
 * A store of one segment and of several, fewer and more pairs than are retrieved, one and several query heads per key
 * head.
 */
const variants: readonly Partial<MemorizingConfig>[] = [
  { storeSize: 8, topK: 3 },
  { storeSize: 4, topK: 4, numHeads: 4 },
  { storeSize: 12, topK: 2, numKeyValueHeads: 1 },
  { storeSize: 12, topK: 6, scaleInit: -2 },
];

for (const variant of variants) {
  const config = configOf(variant);
  mixerSuite(`memorizing ${JSON.stringify(variant)}`, {
    mixer: memorizingAttention(config),
    modelDim: D,
    segmentLength: N,
    reach: config.storeSize > N ? 2 : 1,
    naive: (params, x) => naiveMemorizing(config, params as MemorizingParams<NumericTensor>, x),
    gates: ["gate", "scale"],
  });
}

transcriptionSuite(memorizingAttention(fixtures.config), D, fixtures);

describe("retrieval", () => {
  const M = 8;
  /**
   * Weights of the rows of the store [5][M], read from values that identify their rows, and the cosines they come from.
   */
  const weightsOf = (keys: FloatTensor, topK: number, stored = M): { weights: number[][]; cosines: number[][] } => {
    const q = unitRows(noise([1, 1, 1, 1, 5, M], 1));
    const store = { keys: input("keys", [1, 1, 1, M, M]), values: input("values", [1, 1, 1, M, M]) };
    const scale = filled([1, 1, 1, 1], 2);
    const needed = Array.from({ length: M }, (_, i) => M - i);
    const hide = hideEmpty(input("tokens", [1, 1]), needed);
    const y = retrieve(input("q", q.shape), store, input("scale", scale.shape), topK, hide);
    const rows = Array.from({ length: M * M }, (_, i) => (i % (M + 1) === 0 ? 1 : 0));
    const values = { shape: store.values.shape, data: rows };
    const found = evaluate(createGraph({ y }), { q, keys, values, scale, tokens: filled([1, 1], stored) });
    const cosines = rowsOf(q, M).map((query) => rowsOf(keys, M).map((key) => dot(query, key)));
    return { weights: rowsOf(valueOf(found, "y"), M), cosines };
  };

  it.each([
    [1, M],
    [3, M],
    [M, M],
    [3, 4],
    [3, 2],
  ])("finds the %i nearest of %i pairs and weights them by the softmax of their scaled cosines", (topK, stored) => {
    const { weights, cosines } = weightsOf(unitRows(noise([1, 1, 1, M, M], 2)), topK, stored);
    for (const [c, row] of weights.entries()) {
      const near = at(cosines, c);
      const last = [...near.keys()].slice(-stored);
      const nearest = last.toSorted((i, j) => at(near, j) - at(near, i)).slice(0, topK);
      const total = nearest.reduce((sumSoFar, i) => sumSoFar + Math.exp(2 * at(near, i)), 0);
      const expected = near.map((cosine, i) => (nearest.includes(i) ? Math.exp(2 * cosine) / total : 0));
      expectClose({ shape: [M], data: row }, { shape: [M], data: expected }, 1e-12);
    }
  });

  it("takes all pairs that are equally near", () => {
    const keys = unitRows(noise([1, 1, 1, M, M], 2));
    const twins = floatTensor(
      keys.shape,
      keys.data.map((value, i) => (i < 4 * M ? at(keys.data, i % M) : value)),
    );
    const { weights, cosines } = weightsOf(twins, 1);
    for (const [c, row] of weights.entries()) {
      const isTwins = at(at(cosines, c), 0) === Math.max(...at(cosines, c));
      expect(row.filter((weight) => weight > 0)).toEqual(isTwins ? [0.25, 0.25, 0.25, 0.25] : [1]);
    }
    expect(weights.some((row) => at(row, 0) === 0.25)).toBe(true);
  });
});

describe("the store", () => {
  const config = configOf({ storeSize: 2 * N, topK: 2 * N });
  const [x, other] = [noise([1, 5 * N, D], 3), noise([1, 5 * N, D], 4)];
  const moved = floatTensor(
    x.shape,
    x.data.map((value, i) => (Math.floor(i / D) === N + 1 ? at(other.data, i) : value)), // a token of the second segment
  );
  const segmentOf = (tokens: FloatTensor, s: number): NumericTensor =>
    cut(outputs(config, tokens, {}), s * N, (s + 1) * N);

  it("is seen beyond local attention, and no longer than it holds", () => {
    expect(farthest(segmentOf(moved, 3), segmentOf(x, 3))).toBeGreaterThan(1e-3); // local attention sees two segments
    expect(segmentOf(moved, 4).data).toEqual(segmentOf(x, 4).data);
  });

  it("is not seen while it is empty, whatever the gate", () => {
    const [shut, open] = [-40, 40].map((beta) => outputs(config, x, { gate: filled([2], beta) }));
    if (!shut || !open) throw new Error("there are two");
    expect(cut(open, 0, N).data).toEqual(cut(shut, 0, N).data);
    expect(farthest(cut(open, N, 2 * N), cut(shut, N, 2 * N))).toBeGreaterThan(1e-3);
  });

  it("is the only difference from a transformer with a cache", () => {
    const local = infiniAttention({
      ...config,
      normEpsilon: 1e-5,
      memory: {
        update: "none",
        featureMap: "elu-plus-one",
        gate: "head",
        gateInit: 0,
        shift: "none",
        cache: true,
        writeStrength: "sigmoid",
      },
    });
    const { query, key, value, output } = noisyParams(memorizingAttention(config)) as MemorizingParams<FloatTensor>;
    const params = { query, key, value, output };
    const expected = evaluate(applyGraph(local, params, x.shape), {
      ...prefixed("params", params),
      ...flatten<FloatTensor>(local.initialState(1), "state"),
      x,
    });
    expectClose(outputs(config, x, { gate: filled([2], -1000) }), valueOf(expected, "y"), 1e-12);
  });

  it("gives no gradient to what is stored", () => {
    const mixer = memorizingAttention(config);
    const params = noisyParams(mixer);
    const { y } = applied(mixer, params, x.shape);
    const graph = createGraph({ y });
    const names = ["x", "state.store.keys", "state.store.values"];
    const slopes = gradients(
      sum(mul(slice(y, 1, 3 * N, 4 * N), input("seed", [1, N, D]))),
      names.map((name) => valueOf(graph.inputs, name)),
    );
    const found = evaluate(
      createGraph(Object.fromEntries(names.map((name, i) => [`gradients.${name}`, at(slopes, i)]))),
      {
        ...feedsOf(config, x, {}),
        seed: noise([1, N, D], 5),
      },
    );
    for (const name of names.slice(1)) expect(isZero(valueOf(found, `gradients.${name}`))).toBe(true);
    const bySegment = [0, 1, 2, 3, 4].map((s) => isZero(cut(valueOf(found, "gradients.x"), s * N, (s + 1) * N)));
    expect(bySegment).toEqual([true, true, false, false, true]); // the second is stored alone, the third in the cache too
  });
});

describe("the size of a layer", () => {
  it.each(variants)("takes as many multiplications as counted, %j", (variant) => {
    const config = configOf(variant);
    const mixer = memorizingAttention(config);
    const { y } = applied(mixer, freshOf(mixer, 0), [1, 5 * N, D]);
    expect(multiplications(createGraph({ y }))).toBe(5 * N * memorizingMultiplications(config));
  });

  it("must fit", () => {
    const build = (variant: Partial<MemorizingConfig>) => () => memorizingAttention(configOf(variant));
    expect(build({ storeSize: 6 })).toThrow(new OptionError("storeSize 6 is not a whole number of segments of 4"));
    expect(build({ storeSize: 0 })).toThrow(new OptionError("storeSize 0 is not a whole number of segments of 4"));
    expect(build({ topK: 9 })).toThrow(new OptionError("topK 9 is not a whole number from 1 to storeSize 8"));
    expect(build({ topK: 0 })).toThrow(new OptionError("topK 0 is not a whole number from 1 to storeSize 8"));
  });
});

// --- internal ---

function configOf(variant: Partial<MemorizingConfig>): MemorizingConfig {
  return {
    modelDim: D,
    numHeads: 2,
    numKeyValueHeads: 2,
    headDim: 4,
    segmentLength: N,
    ropeBase: 100,
    storeSize: 8,
    topK: 3,
    scaleInit: 1,
    ...variant,
  };
}

function feedsOf(config: MemorizingConfig, x: FloatTensor, replaced: Values): Values {
  const mixer = memorizingAttention(config);
  return {
    ...flatten<FloatTensor>(noisyParams(mixer), "params"),
    ...prefixed("params", replaced),
    ...flatten<FloatTensor>(mixer.initialState(1), "state"),
    x,
  };
}

function outputs(config: MemorizingConfig, x: FloatTensor, replaced: Values): NumericTensor {
  const mixer = memorizingAttention(config);
  return valueOf(evaluate(applyGraph(mixer, noisyParams(mixer), x.shape), feedsOf(config, x, replaced)), "y");
}

function rowsOf({ data }: NumericTensor, width: number): number[][] {
  return Array.from({ length: data.length / width }, (_, i) => Array.from(data).slice(i * width, (i + 1) * width));
}

function unitRows(x: FloatTensor): FloatTensor {
  const rows = rowsOf(x, x.shape.at(-1) ?? 1).flatMap((row) => row.map((value) => value / Math.hypot(...row)));
  return floatTensor(x.shape, Float32Array.from(rows));
}

function dot(x: readonly number[], y: readonly number[]): number {
  return x.reduce((total, a, i) => total + a * at(y, i), 0);
}

function isZero({ data }: NumericTensor): boolean {
  return Array.from(data).every((value) => value === 0);
}
