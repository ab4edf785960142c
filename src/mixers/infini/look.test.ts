import { describe, expect, it } from "vitest";
import { expectClose } from "../../engine/engine.suite.ts";
import { evaluate, type NumericTensor } from "../../engine/reference/reference.ts";
import { add, input, reshape } from "../../graph/builder.ts";
import { createGraph, type Graph } from "../../graph/graph.ts";
import { GraphError, type Tensor } from "../../graph/tensor.ts";
import { flatten, type Flat } from "../../tensor/tree.ts";
import { applyGraph, at, cut, noise, noisyParams, symbols, under, valueOf, type Values } from "../testing/fixtures.ts";
import { mergeHeads } from "../shared/heads.ts";
import { MEMORY_UPDATES, type InfiniConfig, type MemoryConfig } from "./config.ts";
import { tinyInfini } from "./fixtures.ts";
import { emptyTraces, lookIntoLayer } from "./look.ts";
import { infiniAttention } from "./mixer.ts";
import { naiveInfini, type NaiveHead } from "./naive.ts";
import { linear } from "../../nn/weight.ts";
import type { InfiniParams } from "./params.ts";

const [SEGMENTS, HEADS] = [4, 4];
const { modelDim: D, segmentLength: N } = tinyInfini({});

const variants: readonly Partial<MemoryConfig>[] = [
  ...MEMORY_UPDATES.filter((update) => update !== "none").map((update) => ({ update })),
  { update: "linear", featureMap: "softmax", gate: "token", cache: true, shift: "token" },
  { update: "delta", featureMap: "dpfp" },
  { update: "token-delta", writeStrength: "hard-sigmoid", gate: "token", cache: true, shift: "convolution" },
  { update: "linear", heads: [1] },
  { update: "token-delta", gate: "token", heads: [0] },
];

describe.each(variants.map((variant) => ({ variant, name: JSON.stringify(variant) })))(
  "a look, $name",
  ({ variant }) => {
    const config = configOf(variant);
    const K = config.numKeyValueHeads;
    const { heads = [...Array(K).keys()] } = variant;
    const params = noisyParams(infiniAttention(config)) as unknown as InfiniParams<NumericTensor>;
    const x = noise([1, SEGMENTS * N, D], 2, 1.5);
    const looks = lookAtAll(config, x);
    const [inside = []] = naiveInfini(config, params, x).inside;
    const byToken = (name: string, of: (head: NaiveHead) => readonly number[]): void => {
      for (let s = 0; s < SEGMENTS; s++)
        expectClose(flat(valueOf(at(looks, s), name).data), perHead(inside.slice(s * N, (s + 1) * N), of), 1e-10);
    };

    it("shows the gates and both terms of eq. 10", () => {
      byToken("gate", ({ gate }) => [gate]);
      byToken("memory", ({ memory }) => memory);
      byToken("local", ({ local }) => local);
    });

    it("shows the share of the memory in both lengths, none while it is empty", () => {
      byToken("memoryShare", ({ memory, local }) => [
        Math.hypot(...memory) / (Math.hypot(...memory) + Math.hypot(...local)),
      ]);
      const shares = looks.map((look) => Array.from(valueOf(look, "memoryShare").data));
      expect(shares[0]).toEqual(Array(HEADS * N).fill(0));
      const later = shares.slice(1).flat();
      expect(later.every((share) => share >= 0 && share < 0.999)).toBe(true);
      expect(later.filter((share) => share > 0.001).length).toBeGreaterThan((later.length * heads.length) / (2 * K));
    });

    it("has terms that add up to what the layer gives", () => {
      const whole = evaluate(applyGraph(infiniAttention(config), noisyParams(infiniAttention(config)), x.shape), {
        ...weightsOf(config),
        ...flatten<NumericTensor>(infiniAttention(config).initialState(1), "state"),
        x,
      });
      looks.forEach((look, s) =>
        expectClose(valueOf(look, "sum"), cut(valueOf(whole, "y"), s * N, (s + 1) * N), 1e-10),
      );
    });

    it("shows which earlier segment a read resembles", () => {
      for (let s = 1; s < SEGMENTS; s++)
        for (let earlier = 0; earlier < s; earlier++) {
          const expected = perHead(inside.slice(s * N, (s + 1) * N), ({ resemblance }) => [at(resemblance, earlier)]);
          const [from, found] = [earlier * HEADS * N, Array.from(valueOf(at(looks, s), "resemblance").data)];
          expectClose(flat(found.slice(from, from + HEADS * N)), expected, 1e-9);
        }
    });

    it("shows a read that is that of the segment when there was no other", () => {
      const ones = Array.from(valueOf(at(looks, 1), "resemblance").data).slice(0, HEADS * N);
      const gaveSomething = perHead(inside.slice(N, 2 * N), ({ memory }) => [
        memory.some((value) => value !== 0) ? 1 : 0,
      ]);
      expectClose(flat(ones), gaveSomething, 1e-6);
    });
  },
);

it("there is nothing to look into without a memory", () => {
  expect(() => emptyTraces(configOf({ update: "none" }), 1)).toThrow(GraphError);
});

// --- internal ---

function configOf(memory: Partial<MemoryConfig>): InfiniConfig {
  return tinyInfini({ ...memory, numHeads: HEADS });
}

function weightsOf(config: InfiniConfig): Values {
  return flatten<NumericTensor>(noisyParams(infiniAttention(config)), "params");
}

/** What a look shows of each segment, in double precision; `sum` is what both terms give together. */
function lookAtAll(config: InfiniConfig, x: NumericTensor): Values[] {
  const graph = lookGraph(config);
  let state: Values = flatten<NumericTensor>(infiniAttention(config).initialState(1), "state");
  const traces = Object.entries(flatten<NumericTensor>(emptyTraces(config, SEGMENTS), "traces")).map(
    ([name, { shape, data }]) => [name, { shape, data: Float64Array.from(data) }] as const,
  );
  return Array.from({ length: SEGMENTS }, (_, s) => {
    const feeds = { ...weightsOf(config), ...state, ...Object.fromEntries(traces), x: cut(x, s * N, (s + 1) * N) };
    const results: Values = evaluate(graph, feeds);
    state = Object.fromEntries(
      Object.entries(under("next.state", results)).map(([name, value]) => [`state.${name}`, value]),
    );
    for (const [name, { data }] of traces) {
      const trace = valueOf(results, name.replace("traces", "trace")).data;
      data.set(Array.from(trace), s * trace.length);
    }
    return results;
  });
}

function lookGraph(config: InfiniConfig): Graph {
  const mixer = infiniAttention(config);
  const params = symbols(noisyParams(mixer), "params") as unknown as InfiniParams<Tensor>;
  const { inside, state } = mixer.apply(params, input("x", [1, N, D]), symbols(mixer.initialState(1), "state"));
  if (!inside) throw new Error("the mixer shows nothing");
  const { trace, ...look } = lookIntoLayer(
    config,
    params,
    inside,
    symbols(emptyTraces(config, SEGMENTS), "traces") as never,
  );
  const both = add(look.memory, look.local);
  const sum = linear(mergeHeads(reshape(both, [1, 1, ...both.shape])), params.output);
  const shown: Flat<Tensor> = { ...look, sum };
  return createGraph({ ...shown, ...flatten<Tensor>(trace, "trace"), ...flatten<Tensor>(state, "next.state") });
}

/** What each head has of each token, head after head. */
function perHead(tokens: readonly NaiveHead[][], of: (head: NaiveHead) => readonly number[]): NumericTensor {
  return flat(Array.from({ length: HEADS }, (_, h) => tokens.flatMap((heads) => of(at(heads, h)))).flat());
}

function flat(data: ArrayLike<number>): NumericTensor {
  return { shape: [data.length], data };
}
