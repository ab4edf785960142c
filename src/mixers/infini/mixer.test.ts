import { OptionError } from "../../base/errors.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectClose } from "../../engine/engine.suite.ts";
import { evaluate, type NumericTensor } from "../../engine/reference/reference.ts";
import { filled, floatTensor, type FloatTensor, type Shape } from "../../tensor/host-tensor.ts";
import { flatten, type Tree } from "../../tensor/tree.ts";
import {
  applyGraph,
  noise,
  noisyParams,
  onReference,
  ortRunner,
  valueOf,
  type Run,
  type Values,
  freshOf,
} from "../testing/fixtures.ts";
import { MEMORY_UPDATES, type InfiniConfig } from "./config.ts";
import { tinyInfini } from "./fixtures.ts";
import { infiniSuite } from "./infini.suite.ts";
import { infiniAttention } from "./mixer.ts";
import { transposed } from "../../nn/init.ts";

const { modelDim: D, segmentLength: N } = tinyInfini({});

/** One variant of every rule; variants.slow.test.ts has the others. */
infiniSuite([
  { update: "none", cache: true },
  { update: "linear", featureMap: "dpfp", gate: "token", cache: true, shift: "token" },
  { update: "delta", shift: "token", numKeyValueHeads: 2 },
  { update: "delta-corrected", featureMap: "softmax", gate: "token", cache: true, numKeyValueHeads: 1 },
  { update: "token-delta", shift: "token", writeStrength: "hard-sigmoid", cache: true },
  { update: "gated-token-delta", writeStrength: "hard-sigmoid", gate: "token", cache: true, shift: "convolution" },
  { update: "linear", featureMap: "softmax", gate: "token", heads: [2, 0], numHeads: 4, numKeyValueHeads: 4 },
  { update: "token-delta", cache: true, heads: [1], numHeads: 4, numKeyValueHeads: 2 },
]);

describe.each(MEMORY_UPDATES.filter((update) => update !== "none").map((update) => ({ update })))(
  "the gate, $update",
  ({ update }) => {
    const config = tinyInfini({ update, shift: "token" });
    const x = noise([2, 3 * N, D], 3);
    const withGate = (beta: number): NumericTensor => outputs(config, x, { gate: filled([2], beta) }).y;

    it("is shut while the memory is empty", () => {
      const [shut, open] = [withGate(-40), withGate(3)];
      for (const lane of [0, 1]) {
        expect(tokens(open, lane, 0, N)).toEqual(tokens(shut, lane, 0, N));
        expect(tokens(open, lane, N, N + 1)).not.toEqual(tokens(shut, lane, N, N + 1));
      }
    });

    it("opens for each lane by itself", () => {
      const mixer = infiniAttention(config);
      const graph = applyGraph(mixer, freshOf(mixer, 0), [2, N, D]);
      const part = noise([2, N, D], 3);
      const past = (written: number[]): Values => ({
        ...state(config, 2),
        ...Object.fromEntries(
          Object.entries(state(config, 2)).map(([name, { shape }]) => [name, noise(shape, 8, 0.1)]),
        ),
        "state.written": { shape: [2], data: written },
      });
      const run = (written: number[]): NumericTensor =>
        valueOf(evaluate(graph, { ...weights(config, {}), ...past(written), x: part }), "y");
      expect(tokens(run([0, 1]), 0, 0, N)).toEqual(tokens(run([0, 0]), 0, 0, N));
      expect(tokens(run([0, 1]), 1, 0, N)).toEqual(tokens(run([1, 1]), 1, 0, N));
      expect(tokens(run([0, 1]), 1, 0, N)).not.toEqual(tokens(run([0, 0]), 1, 0, N));
    });

    it("leaves a transformer that attends within its segment when it shuts", () => {
      const unshifted = tinyInfini({ update });
      const { y } = outputs(unshifted, x, { gate: filled([2], -40) });
      expectClose(y, segmentAttention(unshifted, weights(unshifted, {}), x), 1e-6);
    });
  },
);

describe("no memory", () => {
  it("is a transformer that attends within its segment", () => {
    const [none, x] = [tinyInfini({ update: "none" }), noise([2, 3 * N, D], 3)];
    expectClose(outputs(none, x, {}).y, segmentAttention(none, weights(none, {}), x), 1e-6);
  });

  it("attends to everything before, in one segment as long as the sequence", () => {
    const [whole, x] = [{ ...tinyInfini({ update: "none" }), segmentLength: 3 * N }, noise([2, 3 * N, D], 3)];
    expectClose(outputs(whole, x, {}).y, segmentAttention(whole, weights(whole, {}), x), 1e-6);
  });
});

describe.each([
  { update: "linear", featureMap: "softmax", gate: "token" },
  { update: "gated-token-delta", shift: "token", cache: true },
] as const)("a memory of some heads, $update", (memory) => {
  const [H, K] = [6, 3];
  const heads = [0, 2];
  const config = tinyInfini({ ...memory, heads, numHeads: H, numKeyValueHeads: K });
  const x = noise([2, 3 * N, D], 3);

  it("keeps, writes and gates what these heads need alone", () => {
    const shapes = flatten<FloatTensor>(infiniAttention(config).initialState(2));
    expect(shapes["memory.M"]?.shape).toEqual([2, 2, 4, 4]);
    const specs = flatten<{ readonly shape: Shape }>(infiniAttention(config).specs(1));
    expect(specs["gate"]?.shape).toEqual([4]);
    if (memory.update === "linear") expect(specs["temperature"]?.shape).toEqual([2, 1, 1]);
    else expect(specs["erase.context"]?.shape).toEqual([2, H * 4]);
  });

  it("leaves the other heads as local attention makes them", () => {
    const width = H * 4;
    const some = { ...config, modelDim: width };
    const none: InfiniConfig = { ...some, memory: { ...some.memory, update: "none" } };
    const shared = { ...flatten<FloatTensor>(noisyParams(infiniAttention(none))), output: identityOutput(some) };
    const input = noise([2, 3 * N, width], 3);
    const [mixed, local] = [outputs(some, input, shared).y, outputs(none, input, shared).y];
    const moved = range(mixed.data.length).filter((i) => Math.abs(at(mixed.data, i) - at(local.data, i)) > 1e-12);
    expect([...new Set(moved.map((i) => Math.floor((i % width) / 4)))].toSorted()).toEqual([0, 1, 4, 5]);
  });

  it("is the memory of all heads when it names them all, by the same graph", () => {
    const all = tinyInfini({ ...memory, heads: [1, 0, 2], numHeads: H, numKeyValueHeads: K });
    const unnamed = tinyInfini({ ...memory, numHeads: H, numKeyValueHeads: K });
    const size = (each: InfiniConfig): number =>
      applyGraph(infiniAttention(each), noisyParams(infiniAttention(each)), x.shape).nodes.length;
    expect(size(all)).toBe(size(unnamed));
    expect(outputs(all, x, {}).results).toEqual(outputs(unnamed, x, {}).results);
    expect(outputs(config, x, {}).y).not.toEqual(outputs(unnamed, x, {}).y);
  });
});

describe("token-delta writing", () => {
  const cpu = ortRunner();
  beforeAll(cpu.start);
  afterAll(cpu.stop);
  const hard = tinyInfini({ update: "token-delta", writeStrength: "hard-sigmoid" });
  const runs: readonly [string, Run][] = [
    ["in double precision", onReference],
    ["on the CPU", cpu.run],
  ];

  it.each(runs)("holds the last of the values for one key, at full strength, %s", async (_, run) => {
    const silent = writing(hard, 100);
    const x = floatTensor(
      [1, 5 * N, D],
      noise([1, 5 * N, D], 1).data.map((value, i) => (i % D < D / 2 ? 1 : value)),
    );
    const key = noise([D, 8], 4, 1).data.map((value, i) => (i < (D / 2) * 8 ? value : 0)); // sees what all tokens share
    const results = await outputsBy(run, hard, x, { ...silent, key: transposed(floatTensor([D, 8], key)) });
    const M = valueOf(results, "next.state.memory.M").data;
    const [read, written] = [readAlongKey(key, M), valuesOf(hard, x, 5 * N - 1)];
    expectClose(list(read), list(written), 1e-4);
  });

  it.each(runs)("stays finite with keys of any size, %s", async (_, run) => {
    for (const scale of [0, 1e-6, 1, 1e4, -1e4]) {
      const x = noise([1, 20 * N, D], 2);
      const results = await outputsBy(run, hard, x, { ...writing(hard, 100), key: filled([8, D], scale) });
      for (const { data } of Object.values(results)) {
        for (const value of Array.from(data)) expect(Math.abs(value)).toBeLessThan(1e3);
      }
    }
  });

  it("leaves a token out when the hard sigmoid says so", () => {
    const { results } = outputs(hard, noise([1, 2 * N, D], 2), writing(hard, -100));
    expect(Array.from(valueOf(results, "next.state.memory.M").data).every((value) => value === 0)).toBe(true);
    expect(Array.from(valueOf(results, "writeWish").data).every((value) => value < 0)).toBe(true);
  });

  it("chooses between never, somewhat and fully by the token", () => {
    const single = { ...hard, numKeyValueHeads: 1 };
    const params = { ...writing(single, 0), "write.strength": noise([1, D], 5, 3) };
    const { results } = outputs(single, noise([2, 4 * N, D], 2), params);
    const strengths = Array.from(valueOf(results, "writeWish").data);
    expect(strengths.some((wish) => wish < 0)).toBe(true);
    expect(strengths.some((wish) => wish > 1)).toBe(true);
    expect(strengths.some((strength) => strength > 0.1 && strength < 0.9)).toBe(true);
  });
});

// --- internal ---

type Replaced = Readonly<Record<string, FloatTensor>>;

/** W_O that gives the heads of a layer of their width side by side. */
function identityOutput({ numHeads, headDim }: InfiniConfig): FloatTensor {
  const width = numHeads * headDim;
  const data = Float32Array.from({ length: width * width }, (_, i) => (i % (width + 1) === 0 ? 1 : 0));
  return floatTensor([width, width], data);
}

function weights(config: InfiniConfig, replaced: Replaced): Values {
  const found = flatten<FloatTensor>(noisyParams(infiniAttention(config)), "params");
  return {
    ...found,
    ...Object.fromEntries(Object.entries(replaced).map(([name, value]) => [`params.${name}`, value])),
  };
}

function state(config: InfiniConfig, batch: number): Values {
  return flatten<FloatTensor>(infiniAttention(config).initialState(batch) as Tree<FloatTensor>, "state");
}

function outputs(config: InfiniConfig, x: FloatTensor, replaced: Replaced): { y: NumericTensor; results: Values } {
  const mixer = infiniAttention(config);
  const graph = applyGraph(mixer, noisyParams(mixer), x.shape);
  const results = evaluate(graph, { ...weights(config, replaced), ...state(config, x.shape[0] ?? 0), x });
  return { y: valueOf(results, "y"), results };
}

function outputsBy(run: Run, config: InfiniConfig, x: FloatTensor, replaced: Replaced): Promise<Values> {
  const mixer = infiniAttention(config);
  const graph = applyGraph(mixer, noisyParams(mixer), x.shape);
  return run(graph, { ...weights(config, replaced), ...state(config, x.shape[0] ?? 0), x });
}

/** Writes of one strength, whatever the token. */
function writing(config: InfiniConfig, bias: number): Replaced {
  const { modelDim, numHeads, headDim, numKeyValueHeads } = config;
  return {
    "write.strength": filled([numKeyValueHeads, modelDim], 0),
    "write.context": filled([numKeyValueHeads, numHeads * headDim], 0),
    "write.bias": filled([numKeyValueHeads], bias),
  };
}

/** unit(k) M of both heads, for the key of a token whose first half is ones. */
function readAlongKey(key: Float32Array, M: ArrayLike<number>): number[] {
  return [0, 1].flatMap((head) => {
    const raw = range(4).map((j) => range(D / 2).reduce((total, i) => total + at(key, i * 8 + head * 4 + j), 0));
    const active = raw.map((value) => value / (1 + Math.exp(-value)));
    const length = Math.hypot(...active);
    return range(4).map((j) =>
      range(4).reduce((total, i) => total + (at(active, i) / length) * at(M, head * 16 + i * 4 + j), 0),
    );
  });
}

/** The values of both heads of one token. */
function valuesOf(config: InfiniConfig, x: FloatTensor, t: number): number[] {
  return project(valueOf(weights(config, {}), "params.value"), x.data.subarray(t * D, (t + 1) * D));
}

/** A plain transformer's attention within each segment: no memory, no gate, a head of keys and values for each of queries. */
function segmentAttention(
  { numHeads: H, headDim: d, ropeBase, segmentLength }: InfiniConfig,
  params: Values,
  x: NumericTensor,
): NumericTensor {
  const [B = 0, T = 0] = x.shape;
  const turn = (heads: readonly number[], position: number): number[] =>
    heads.map((value, i) => {
      const [j, half] = [i % d, d / 2];
      const angle = position * ropeBase ** (-(j % half) / half);
      const partner = j < half ? -at(heads, i + half) : at(heads, i - half);
      return value * Math.cos(angle) + partner * Math.sin(angle);
    });
  const y = range(B * T).flatMap((t) => {
    const first = t - ((t % T) % segmentLength);
    const of = (name: string, s: number): number[] =>
      project(valueOf(params, `params.${name}`), Array.from(x.data).slice(s * D, (s + 1) * D));
    const seen = range(t - first + 1);
    const query = turn(of("query", t), t - first);
    const keys = seen.map((position) => turn(of("key", first + position), position));
    const values = seen.map((position) => of("value", first + position));
    const heads = range(H).flatMap((h) => {
      const part = (vector: readonly number[]): number[] => vector.slice(h * d, (h + 1) * d);
      const powers = keys.map((key) => Math.exp(dot(part(query), part(key)) / Math.sqrt(d)));
      const total = powers.reduce((a, b) => a + b);
      return range(d).map(
        (j) =>
          dot(
            powers,
            values.map((value) => at(part(value), j)),
          ) / total,
      );
    });
    return project(valueOf(params, "params.output"), heads);
  });
  return { shape: x.shape, data: y };
}

/** x W^T */
function project({ shape, data }: NumericTensor, x: ArrayLike<number>): number[] {
  const width = at(shape, 1);
  return range(at(shape, 0)).map((j) =>
    range(width).reduce((total, i) => total + at(x, i) * at(data, j * width + i), 0),
  );
}

/** The numbers of the tokens start .. end-1 of one lane of [B, T, D]. */
function tokens(
  { shape, data }: { readonly shape: Shape; readonly data: ArrayLike<number> },
  lane: number,
  start: number,
  end: number,
): number[] {
  const [, T = 0, width = 0] = shape;
  return Array.from(data).slice((lane * T + start) * width, (lane * T + end) * width);
}

const range = (length: number): number[] => Array.from({ length }, (_, i) => i);
const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((total, value, i) => total + value * at(b, i), 0);
const list = (data: readonly number[]): NumericTensor => ({ shape: [data.length], data });

function at<T>(values: ArrayLike<T>, i: number): T {
  const value = values[i];
  if (value === undefined) throw new OptionError(`there is no element ${i} of ${values.length}`);
  return value;
}
