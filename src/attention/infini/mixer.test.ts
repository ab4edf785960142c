import { describe, expect, it } from "vitest";
import { expectClose } from "../../engine/engine.suite.ts";
import { evaluate, type NumericTensor } from "../../engine/reference.ts";
import { unflatten } from "../../graph/tree.ts";
import { createRng } from "../../random.ts";
import { applyGraph, gradientGraph, noisyParams, randomValues, stateValues, takeRows, withoutNext, type Values } from "../mixer.fixtures.ts";
import { mixerSuite } from "../mixer.suite.ts";
import type { InfiniConfig, MemoryUpdate, WriteStrength } from "./config.ts";
import { infiniAttention } from "./mixer.ts";
import { naiveInfini } from "./naive.ts";
import type { InfiniParams } from "./params.ts";

interface Case {
  readonly update: MemoryUpdate;
  readonly tokenShift: boolean;
  readonly writeStrength?: WriteStrength;
  readonly numKeyValueHeads?: number;
}

const cases: readonly Case[] = [
  { update: "linear", tokenShift: false },
  { update: "linear", tokenShift: true, numKeyValueHeads: 1 },
  { update: "delta", tokenShift: false },
  { update: "delta", tokenShift: true, numKeyValueHeads: 1 },
  { update: "token-delta", tokenShift: false, writeStrength: "sigmoid" },
  { update: "token-delta", tokenShift: true, writeStrength: "hard-sigmoid" },
  { update: "token-delta", tokenShift: true, numKeyValueHeads: 1 },
];

for (const options of cases) {
  const config = configOf(options);
  mixerSuite(`infini-attention ${JSON.stringify(options)}`, {
    mixer: infiniAttention(config),
    modelDim: config.modelDim,
    segmentLength: config.segmentLength,
    naive: (params, x) => naiveOutputs(config, params, x),
  });
}

describe("the gate", () => {
  const config = configOf({ update: "linear", tokenShift: false });
  const [T, D] = [2 * config.segmentLength, config.modelDim];
  const mixer = infiniAttention(config);
  const x = randomValues([1, T, D], createRng(5));
  const outputs = (gate: number): NumericTensor => {
    const params = { ...noisyParams(mixer, 4), "params.gate": { shape: [config.numHeads], data: [gate, gate] } };
    return evaluate(applyGraph(mixer, 1, T, D), { ...params, ...stateValues(mixer, 1), x }).y ?? x;
  };
  const [first, second] = [0, config.segmentLength] as const;

  it("is shut while the memory is empty: the first segment is purely local", () => {
    expectClose(takeRows(outputs(3), first, second), takeRows(outputs(-40), first, second), 1e-12);
    expect(Array.from(takeRows(outputs(3), second, 1).data)).not.toEqual(Array.from(takeRows(outputs(-40), second, 1).data));
  });

  it("leaves a transformer that attends within its segment when it goes to zero", () => {
    const parts = [first, second].map((from) => {
      const params = { ...noisyParams(mixer, 4), "params.gate": { shape: [config.numHeads], data: [-40, -40] } };
      return naiveOutputs(config, params, takeRows(x, from, config.segmentLength));
    });
    const [a, b] = parts as [NumericTensor, NumericTensor];
    expectClose(takeRows(outputs(-40), first, second), a, 1e-9);
    expectClose(takeRows(outputs(-40), second, second), b, 1e-9);
  });

  it.each(cases)("has a gradient at its initial value: $update", (options) => {
    const { results } = slopes(configOf(options), 3, "fresh");
    for (const slope of Array.from(results["gradient.params.gate"]?.data ?? [0])) expect(Math.abs(slope)).toBeGreaterThan(1e-6);
  });
});

describe("gradients one segment at a time, each from the state before it", () => {
  it.each(cases)("add up to those of all segments at once: $update", (options) => {
    const config = configOf(options);
    const { results, feeds } = slopes(config, 3, "noisy");
    const sums = gradientsBySegment(config, 3, feeds);
    for (const [name, sum] of Object.entries(sums)) expectClose(sum, results[name] ?? sum, 1e-9);
  });
});

describe("token-delta", () => {
  it("stays finite when every key is the same and every write of full strength", () => {
    const config = configOf({ update: "token-delta", tokenShift: false });
    const mixer = infiniAttention(config);
    const [T, D] = [8 * config.segmentLength, config.modelDim];
    const params = { ...noisyParams(mixer, 6), "params.write.bias": { shape: [2], data: [50, 50] } };
    const x = { shape: [1, T, D], data: Array.from({ length: T * D }, (_, i) => 3 + (i % D)) };
    const results = evaluate(applyGraph(mixer, 1, T, D), { ...params, ...stateValues(mixer, 1), x });
    for (const { data } of Object.values(results)) expect(Math.max(...data.map(Math.abs))).toBeLessThan(1e4);
  });
});

// --- internal ---

function configOf({ update, tokenShift, writeStrength = "hard-sigmoid", numKeyValueHeads = 2 }: Case): InfiniConfig {
  return {
    modelDim: 6,
    numHeads: 2,
    numKeyValueHeads,
    headDim: 4,
    segmentLength: 5,
    ropeBase: 100,
    normEpsilon: 1e-6,
    memory: { update, gateInit: 0, tokenShift, writeStrength },
  };
}

/** Gradients of a random linear function of outputs and state after some segments. */
function slopes(config: InfiniConfig, segments: number, start: "fresh" | "noisy"): { results: Values; feeds: Values } {
  const mixer = infiniAttention(config);
  const rng = createRng(8);
  const [T, D] = [segments * config.segmentLength, config.modelDim];
  const state = stateValues(mixer, 1);
  const params = start === "fresh" ? freshParams(mixer) : noisyParams(mixer, 7);
  const results = Object.entries({ y: { shape: [1, T, D] }, ...state });
  const cotangents = Object.fromEntries(results.map(([name, { shape }]) => [`cotangent.${name}`, randomValues(shape, rng)]));
  const feeds: Values = { ...params, ...state, x: randomValues([1, T, D], rng), ...cotangents };
  return { results: evaluate(gradientGraph(mixer, 1, T, D), feeds), feeds };
}

function freshParams(mixer: ReturnType<typeof infiniAttention>): Values {
  const params = noisyParams(mixer, 7);
  return { ...params, "params.gate": { shape: [2], data: [0, 0] } };
}

/** Backpropagation through the states between segments, which are all that is kept of the way forward. */
function gradientsBySegment(config: InfiniConfig, segments: number, feeds: Values): Values {
  const mixer = infiniAttention(config);
  const [N, D] = [config.segmentLength, config.modelDim];
  const [forward, backward] = [applyGraph(mixer, 1, N, D), gradientGraph(mixer, 1, N, D)];
  const part = (name: string, s: number): NumericTensor => takeRows(feeds[name] ?? { shape: [], data: [] }, s * N, N);
  const states = [stateValues(mixer, 1)];
  for (let s = 0; s + 1 < segments; s++) states.push(withoutNext(evaluate(forward, { ...feeds, ...states[s], x: part("x", s) })));
  let incoming = Object.fromEntries(Object.entries(feeds).filter(([name]) => name.startsWith("cotangent.state.")));
  const sums: Record<string, NumericTensor> = {};
  for (let s = segments - 1; s >= 0; s--) {
    const results = evaluate(backward, { ...feeds, ...states[s], ...incoming, x: part("x", s), "cotangent.y": part("cotangent.y", s) });
    for (const [name, value] of Object.entries(results)) {
      if (name.startsWith("gradient.params.")) sums[name] = plus(sums[name], value);
    }
    const before = Object.entries(results).filter(([name]) => name.startsWith("gradient.state."));
    incoming = Object.fromEntries(before.map(([name, value]) => [name.replace("gradient.", "cotangent."), value]));
  }
  return sums;
}

function plus(a: NumericTensor | undefined, b: NumericTensor): NumericTensor {
  return a ? { shape: b.shape, data: Array.from(b.data, (value, i) => value + (a.data[i] ?? 0)) } : b;
}

function naiveOutputs(config: InfiniConfig, values: Values, x: NumericTensor): NumericTensor {
  const params = unflatten<InfiniParams<NumericTensor>>(values, infiniAttention(config).initParams(createRng(0), 1), "params");
  return naiveInfini(config, params, x).y;
}
