import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectClose } from "../../engine/engine.suite.ts";
import { filled, type FloatTensor } from "../../tensor/host-tensor.ts";
import { unflatten } from "../../tensor/tree.ts";
import { inverseSoftplus } from "../../nn/softplus.ts";
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
import { mamba2Sizes, type Mamba2Config } from "./config.ts";
import { mamba2Multiplications } from "./cost.ts";
import fixtures from "./fixtures.json" with { type: "json" };
import { mamba2 } from "./mixer.ts";
import { naiveMamba2 } from "./naive.ts";
import type { Mamba2Params } from "./params.ts";

const variants: readonly Partial<Mamba2Config>[] = [
  {},
  { expand: 1, headDim: 2, stateDim: 3 },
  { segmentLength: 5, headDim: 12 },
];

for (const config of variants.map(configOf)) {
  mixerSuite(`mamba2 ${JSON.stringify(config)}`, {
    ...optionsOf(config),
    naive: (params, x) => naiveMamba2(config, params as Mamba2Params<NumericTensor>, x),
    gates: ["step", "stepBias", "skip"],
  });
}

describe("mamba2", () => {
  const cpu = ortRunner();
  beforeAll(cpu.start);
  afterAll(cpu.stop);

  it(`gives the published results: ${fixtures.from}`, async () => {
    const subject = withWeights(subjectOf(optionsOf(fixtures.config)), fixtures.params);
    const { y, end } = await read(subject, onReference, fixtures.x);
    expectClose(y, fixtures.y, 2e-6);
    expectClose(end.state["memory"], fixtures.memory, 2e-6);
    const naive = naiveMamba2(fixtures.config, unflatten(fixtures.params, subject.params), fixtures.x);
    expectClose(naive.y, fixtures.y, 2e-6);
    expectClose(naive.state.memory, fixtures.memory, 2e-6);
  });

  it.each([1e-3, 0.1, 10])("keeps its precision in segments of 256 with steps of %f", async (step) => {
    const config = configOf({ segmentLength: 256 });
    const { heads } = mamba2Sizes(config);
    const subject = withWeights(subjectOf(optionsOf(config)), {
      stepBias: filled([heads], inverseSoftplus(step)),
      logRate: filled([heads], Math.log(16)),
    });
    const x = subject.input(1, 512);
    const naive = naiveMamba2(config, unflatten(subject.weights, subject.params, "params"), x);
    expectClose((await read(subject, cpu.run, x)).y, naive.y, 1e-4);
  });

  it("starts with steps of 0.001 to 0.1 and rates of 1 to 16", () => {
    const params = freshOf(mamba2(configOf({ expand: 64, headDim: 1 })), 1) as Mamba2Params<FloatTensor>;
    expectSpread(
      params.stepBias.data.map((bias) => Math.log1p(Math.exp(bias))),
      [1e-3, 0.01, 0.1],
    );
    expectSpread(params.logRate.data.map(Math.exp), [1, 8.5, 16]);
  });

  it.each(variants)("counts its multiplications, %j", (variant) => {
    const subject = subjectOf(optionsOf(configOf(variant)));
    const [batch, tokens] = [2, 3 * subject.N];
    expect(mamba2Multiplications(configOf(variant)) * batch * tokens).toBe(
      multiplications(subject.segments(batch, tokens)),
    );
  });

  it("refuses heads that do not fill its width", () => {
    expect(() => mamba2(configOf({ headDim: 5 }))).toThrow("heads of 5 do not fill a width of 2 * 6");
  });
});

// --- internal ---

function configOf(variant: Partial<Mamba2Config>): Mamba2Config {
  return { modelDim: 6, expand: 2, headDim: 4, stateDim: 5, segmentLength: 4, normEpsilon: 1e-5, ...variant };
}

function optionsOf(config: Mamba2Config): Parameters<typeof subjectOf>[0] {
  return { mixer: mamba2(config), modelDim: config.modelDim, segmentLength: config.segmentLength };
}
