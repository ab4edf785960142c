import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectClose } from "../../engine/engine.suite.ts";
import { filled, zeros, type FloatTensor } from "../../tensor/host-tensor.ts";
import { unflatten } from "../../tensor/tree.ts";
import {
  expectSpread,
  multiplications,
  onReference,
  ortRunner,
  read,
  subjectOf,
  withWeights,
  freshOf,
} from "../testing/fixtures.ts";
import { mixerSuite } from "../testing/mixer.suite.ts";
import type { NumericTensor } from "../testing/naive-math.ts";
import type { GatedDeltaNetConfig } from "./config.ts";
import { gatedDeltaNetMultiplications } from "./cost.ts";
import fixtures from "./fixtures.json" with { type: "json" };
import { gatedDeltaNet } from "./mixer.ts";
import { naiveGatedDeltaNet } from "./naive.ts";
import type { GatedDeltaNetParams } from "./params.ts";

const variants: readonly Partial<GatedDeltaNetConfig>[] = [
  {},
  { numHeads: 1, headDim: 5, segmentLength: 5 },
  { numHeads: 3, headDim: 2, segmentLength: 8 },
];

for (const config of variants.map(configOf)) {
  mixerSuite(`gated-deltanet ${JSON.stringify(config)}`, {
    ...optionsOf(config),
    naive: (params, x) => naiveGatedDeltaNet(config, params as GatedDeltaNetParams<NumericTensor>, x),
    gates: ["write"],
  });
}

describe("gated-deltanet", () => {
  const cpu = ortRunner();
  beforeAll(cpu.start);
  afterAll(cpu.stop);

  it(`gives the published results: ${fixtures.from}`, async () => {
    const subject = withWeights(subjectOf(optionsOf(fixtures.config)), fixtures.params);
    const { y, end } = await read(subject, onReference, fixtures.x);
    expectClose(y, fixtures.y, 2e-6);
    expectClose(end.state["memory"], fixtures.memory, 2e-6);
    const naive = naiveGatedDeltaNet(fixtures.config, unflatten(fixtures.params, subject.params), fixtures.x);
    expectClose(naive.y, fixtures.y, 2e-6);
    expectClose(naive.state.memory, fixtures.memory, 2e-6);
  });

  it.each([
    ["forgets nothing", -100, 1],
    ["forgets a little", -7, 1],
    ["forgets at once", 10, 16],
  ])("keeps its precision in segments of 256 where it %s", async (_, bias, rate) => {
    const config = configOf({ segmentLength: 256 });
    const { numHeads } = config;
    const subject = withWeights(subjectOf(optionsOf(config)), {
      forget: zeros([numHeads, config.modelDim]),
      forgetBias: filled([numHeads], bias),
      logRate: filled([numHeads], Math.log(rate)),
    });
    const x = subject.input(1, 512);
    const naive = naiveGatedDeltaNet(config, unflatten(subject.weights, subject.params, "params"), x);
    expectClose((await read(subject, cpu.run, x)).y, naive.y, 1e-4);
  });

  it("starts with a forgetting of 0.001 to 0.1 at rates of 0 to 16", () => {
    const params = freshOf(gatedDeltaNet(configOf({ numHeads: 700, headDim: 1 })), 1);
    const { forgetBias, logRate } = params as GatedDeltaNetParams<FloatTensor>;
    expectSpread(
      forgetBias.data.map((bias) => Math.log1p(Math.exp(bias))),
      [1e-3, 0.01, 0.1],
    );
    expectSpread(logRate.data.map(Math.exp), [0.01, 8, 16]);
  });

  it.each(variants)("counts its multiplications, %j", (variant) => {
    const subject = subjectOf(optionsOf(configOf(variant)));
    const [batch, tokens] = [2, 3 * subject.N];
    expect(gatedDeltaNetMultiplications(configOf(variant)) * batch * tokens).toBeCloseTo(
      multiplications(subject.segments(batch, tokens)),
      6,
    );
  });
});

// --- internal ---

function configOf(variant: Partial<GatedDeltaNetConfig>): GatedDeltaNetConfig {
  return { modelDim: 6, numHeads: 2, headDim: 4, segmentLength: 4, normEpsilon: 1e-5, ...variant };
}

function optionsOf(config: GatedDeltaNetConfig): Parameters<typeof subjectOf>[0] {
  return { mixer: gatedDeltaNet(config), modelDim: config.modelDim, segmentLength: config.segmentLength };
}
