import { OptionError } from "../../base/errors.ts";
import { describe, expect, it } from "vitest";
import { gradients } from "../../autodiff/gradients.ts";
import { expectClose } from "../../engine/engine.suite.ts";
import { evaluate, type NumericTensor } from "../../engine/reference/reference.ts";
import { input, mul, slice, sum } from "../../graph/builder.ts";
import { createGraph } from "../../graph/graph.ts";
import { floatTensor, zeros, type FloatTensor } from "../../tensor/host-tensor.ts";
import type { Tensor } from "../../graph/tensor.ts";
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
  under,
  valueOf,
  type Values,
  freshOf,
} from "../testing/fixtures.ts";
import { infiniAttention } from "../infini/mixer.ts";
import type { MixerResult } from "../contract.ts";
import { mixerSuite } from "../testing/mixer.suite.ts";
import { transcriptionSuite } from "../testing/transcription.suite.ts";
import type { CompressiveConfig } from "./config.ts";
import { compressiveMultiplications } from "./cost.ts";
import fixtures from "./fixtures.json" with { type: "json" };
import { compressiveAttention } from "./mixer.ts";
import { naiveCompressive } from "./naive.ts";
import type { CompressiveParams } from "./params.ts";

const N = 4;
const D = 6;

/** Memories of one segment and of several, every rate, one and several query heads per key head. */
const variants: readonly Partial<CompressiveConfig>[] = [
  { memoryLength: 4, compressedLength: 4, rate: 2 },
  { memoryLength: 8, compressedLength: 1, rate: 4, numHeads: 4 },
  { memoryLength: 4, compressedLength: 2, rate: 4, numKeyValueHeads: 1 },
  { memoryLength: 4, compressedLength: 4, rate: 1 },
];

for (const variant of variants) {
  const config = configOf(variant);
  mixerSuite(`compressive ${JSON.stringify(variant)}`, {
    mixer: compressiveAttention(config),
    modelDim: D,
    segmentLength: N,
    naive: (params, x) => naiveCompressive(config, params as CompressiveParams<NumericTensor>, x),
  });
}

transcriptionSuite(compressiveAttention(fixtures.config), D, fixtures);

describe("memories", () => {
  const config = configOf({ memoryLength: N, compressedLength: N / 2, rate: 2 }); // a segment of each
  const [x, other] = [noise([1, 5 * N, D], 3), noise([1, 5 * N, D], 4)];
  const moved = floatTensor(
    x.shape,
    x.data.map((value, i) => (Math.floor(i / D) === 1 ? at(other.data, i) : value)), // a token of the first segment
  );
  const segmentOf = (tokens: FloatTensor, s: number): NumericTensor =>
    cut(valueOf(results(config, tokens, {}), "y"), s * N, (s + 1) * N);

  it("are seen unchanged, then compressed, then not at all", () => {
    for (const s of [1, 2]) expect(farthest(segmentOf(moved, s), segmentOf(x, s))).toBeGreaterThan(1e-3);
    for (const s of [3, 4]) expect(segmentOf(moved, s).data).toEqual(segmentOf(x, s).data);
  });

  it("are the cache of a transformer until the first is compressed", () => {
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
    const { query, key, value, output } = noisyParams(compressiveAttention(config)) as CompressiveParams<FloatTensor>;
    const params = { query, key, value, output };
    const cached = evaluate(applyGraph(local, params, x.shape), {
      ...prefixed("params", params),
      ...flatten<FloatTensor>(local.initialState(1), "state"),
      x,
    });
    const [y, expected] = [valueOf(results(config, x, {}), "y"), valueOf(cached, "y")];
    expectClose(cut(y, 0, 2 * N), cut(expected, 0, 2 * N), 1e-6);
    expect(farthest(cut(y, 2 * N, 3 * N), cut(expected, 2 * N, 3 * N))).toBeGreaterThan(1e-3);
  });

  it("live on in compressed ones when f_c changes nothing, at no loss", () => {
    const identity = floatTensor(
      [D, D],
      Float32Array.from({ length: D * D }, (_, i) => (i % (D + 1) === 0 ? 1 : 0)),
    );
    const same = { "compression.kernel": identity, "compression.bias": zeros([D]) };
    const half = results(configOf({ memoryLength: N, compressedLength: N, rate: 1 }), x, same);
    const whole = results(configOf({ memoryLength: 2 * N, compressedLength: N, rate: 1 }), x, same);
    expectClose(cut(valueOf(half, "y"), 0, 3 * N), cut(valueOf(whole, "y"), 0, 3 * N), 1e-6);
    expect(at(valueOf(half, "auxiliary").data, 0)).toBeLessThan(1e-12);
  });
});

describe("gradients", () => {
  const config = configOf({ memoryLength: N, compressedLength: N, rate: 2 });
  const x = noise([1, 5 * N, D], 3);
  /** Whether each input of the layer has a gradient of a number computed from the layer's results. */
  const reached = (build: (result: MixerResult) => Tensor): Values => {
    const mixer = compressiveAttention(config);
    const result = applied(mixer, noisyParams(mixer), x.shape);
    const loss = build(result);
    const inputs = Object.entries(createGraph({ loss, ...resultsOf(result) }).inputs);
    const slopes = gradients(
      loss,
      inputs.map(([, source]) => source),
    );
    const byName = Object.fromEntries(inputs.map(([name], i) => [`gradients.${name}`, at(slopes, i)]));
    return under("gradients", evaluate(createGraph(byName), { ...feedsOf(config, x, {}), seed: noise([1, N, D], 5) }));
  };
  const named = (values: Values): string[] =>
    Object.keys(values).filter((name) => !isZero(valueOf(values, name)) && name !== "seed");

  it("of the auxiliary loss reach f_c alone", () => {
    const found = reached(({ auxiliary }) => {
      if (!auxiliary) throw new Error("there is one");
      return auxiliary;
    });
    expect(named(found).toSorted()).toEqual(["params.compression.bias", "params.compression.kernel"]);
    expect(Object.keys(found).length).toBeGreaterThan(8);
  });

  it("of the output reach everything else, but no memory", () => {
    const found = reached(({ y }) => sum(mul(slice(y, 1, 3 * N, 4 * N), input("seed", [1, N, D]))));
    expect(named(found).toSorted()).toEqual(["params.key", "params.output", "params.query", "params.value", "x"]);
    const bySegment = [0, 1, 2, 3, 4].map((s) => isZero(cut(valueOf(found, "x"), s * N, (s + 1) * N)));
    expect(bySegment).toEqual([true, true, true, false, true]);
  });
});

describe("the auxiliary loss", () => {
  const config = configOf({ memoryLength: N, compressedLength: N, rate: 2 });

  it("is summed over lanes and segments, and zero while no memory leaves", () => {
    const [one, two] = [noise([1, 4 * N, D], 3), noise([1, 4 * N, D], 4)];
    const lossOf = (x: FloatTensor): number => at(valueOf(results(config, x, {}), "auxiliary").data, 0);
    const part = (x: FloatTensor, segments: number): FloatTensor =>
      floatTensor([1, segments * N, D], x.data.slice(0, segments * N * D));
    const both = floatTensor([2, 4 * N, D], Float32Array.from([...one.data, ...two.data]));
    expect(lossOf(both)).toBeCloseTo(lossOf(one) + lossOf(two), 12);
    expect(lossOf(part(one, 1))).toBe(0);
    const losses = [2, 3, 4].map((segments) => lossOf(part(one, segments)));
    expect(losses).toEqual(losses.toSorted((a, b) => a - b));
    expect(at(losses, 0)).toBeGreaterThan(1e-3);
  });

  it("can be brought down", () => {
    const mixer = compressiveAttention(config);
    const x = noise([1, 6 * N, D], 3);
    const { auxiliary } = applied(mixer, noisyParams(mixer), x.shape);
    if (!auxiliary) throw new Error("there is one");
    const kernel = valueOf(createGraph({ auxiliary }).inputs, "params.compression.kernel");
    const [slope] = gradients(auxiliary, [kernel]);
    if (!slope) throw new Error("there is one");
    const graph = createGraph({ auxiliary, slope });
    const feeds = feedsOf(config, x, {});
    const fed = (weights: NumericTensor): Values => ({ ...feeds, "params.compression.kernel": weights });
    let weights = valueOf(feeds, "params.compression.kernel");
    const losses: number[] = [];
    for (let step = 0; step < 60; step++) {
      const found = evaluate(graph, fed(weights));
      losses.push(at(valueOf(found, "auxiliary").data, 0));
      const steps = valueOf(found, "slope").data;
      weights = {
        shape: weights.shape,
        data: Float64Array.from(weights.data, (value, i) => value - 0.01 * at(steps, i)),
      };
    }
    expect(at(losses, 59)).toBeLessThan(0.5 * at(losses, 0));
  });
});

describe("the size of a layer", () => {
  it.each(variants)("takes as many multiplications as counted once the text is long, %j", (variant) => {
    const config = configOf(variant);
    const mixer = compressiveAttention(config);
    const upTo = (segments: number): number => {
      const { y } = applied(mixer, freshOf(mixer, 0), [1, segments * N, D]);
      return multiplications(createGraph({ y }));
    };
    expect(upTo(9) - upTo(5)).toBe(4 * N * compressiveMultiplications(config));
  });

  it("must fit", () => {
    const build = (variant: Partial<CompressiveConfig>) => () => compressiveAttention(configOf(variant));
    expect(build({ rate: 3 })).toThrow(new OptionError("rate 3 does not divide segmentLength 4"));
    expect(build({ rate: 0 })).toThrow(new OptionError("rate 0 does not divide segmentLength 4"));
    expect(build({ memoryLength: 6 })).toThrow(
      new OptionError("memoryLength 6 is not a whole number of segments of 4"),
    );
    expect(build({ compressedLength: 3 })).toThrow(
      new OptionError("compressedLength 3 is not a multiple of segmentLength / rate, 2"),
    );
  });
});

// --- internal ---

function configOf(variant: Partial<CompressiveConfig>): CompressiveConfig {
  return {
    modelDim: D,
    numHeads: 2,
    numKeyValueHeads: 2,
    headDim: 4,
    segmentLength: N,
    ropeBase: 100,
    memoryLength: 8,
    compressedLength: 4,
    rate: 2,
    ...variant,
  };
}

function feedsOf(config: CompressiveConfig, x: FloatTensor, replaced: Values): Values {
  const mixer = compressiveAttention(config);
  return {
    ...flatten<FloatTensor>(noisyParams(mixer), "params"),
    ...prefixed("params", replaced),
    ...flatten<FloatTensor>(mixer.initialState(x.shape[0] ?? 0), "state"),
    x,
  };
}

function results(config: CompressiveConfig, x: FloatTensor, replaced: Values): Values {
  const mixer = compressiveAttention(config);
  return evaluate(applyGraph(mixer, noisyParams(mixer), x.shape), feedsOf(config, x, replaced));
}

function resultsOf({ y, auxiliary }: MixerResult): Readonly<Record<string, Tensor>> {
  return { y, ...(auxiliary && { auxiliary }) };
}

function isZero({ data }: NumericTensor): boolean {
  return Array.from(data).every((value) => value === 0);
}
