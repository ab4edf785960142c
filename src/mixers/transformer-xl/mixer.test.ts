import { OptionError } from "../../base/errors.ts";
import { describe, expect, it } from "vitest";
import { gradients } from "../../autodiff/gradients.ts";
import { expectClose } from "../../engine/engine.suite.ts";
import { evaluate, type NumericTensor } from "../../engine/reference/reference.ts";
import { constant, input, mul, square, sum } from "../../graph/builder.ts";
import { createGraph } from "../../graph/graph.ts";
import { type FloatTensor } from "../../tensor/host-tensor.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { flatten, mapTree, type Tree } from "../../tensor/tree.ts";
import { cut, farthest, noise, onReference, perturbed, read, subjectOf } from "../testing/fixtures.ts";
import { mixerSuite } from "../testing/mixer.suite.ts";
import type { TransformerXlConfig } from "./config.ts";
import { transformerXlMultiplications } from "./cost.ts";
import fixtures from "./fixtures.json" with { type: "json" };
import { transformerXl } from "./mixer.ts";
import { naiveTransformerXl } from "./naive.ts";
import type { TransformerXlParams } from "./params.ts";

const N = 4;
const D = 6;

type Variant = Partial<TransformerXlConfig>;

const variants: readonly { readonly variant: Variant; readonly reach: 1 | 2 }[] = [
  { variant: { cacheLength: N }, reach: 1 },
  { variant: { cacheLength: N, stopGradient: false, numHeads: 3 }, reach: 1 },
  { variant: { cacheLength: 2 * N, headDim: 3 }, reach: 2 },
  { variant: { cacheLength: 3 * N, stopGradient: false }, reach: 2 },
];

for (const { variant, reach } of variants) {
  const config = configOf(variant);
  mixerSuite(JSON.stringify(variant), {
    mixer: transformerXl(config),
    modelDim: D,
    segmentLength: N,
    reach,
    naive: (params, x) => naiveTransformerXl(config, params as TransformerXlParams<NumericTensor>, x),
  });
}

describe("what PyTorch gives", () => {
  const weights = flatten<NumericTensor>(fixtures.params, "params");

  it.each(fixtures.cases)("a cache of $cacheLength", async ({ cacheLength, y }) => {
    const config = { ...fixtures.config, cacheLength };
    const subject = subjectOf({ mixer: transformerXl(config), modelDim: config.modelDim, segmentLength: N });
    const found = await read({ ...subject, weights }, onReference, fixtures.x);
    expectClose(found.y, y, 2e-6);
  });

  it.each(fixtures.cases)("the gradient that ends at a cache of $cacheLength", ({ cacheLength, gradient }) => {
    const slopes = (stopGradient?: boolean): NumericTensor | undefined => {
      const config = { ...fixtures.config, cacheLength, ...(stopGradient !== undefined && { stopGradient }) };
      return evaluate(slopeGraph(config), { ...weights, x: fixtures.x })["slope"];
    };
    expectClose(slopes(), gradient, 2e-5);
    expect(slopes(true)).toEqual(slopes());
    expect(() => expectClose(slopes(false), gradient, 1e-2)).toThrow();
  });
});

describe("a cache", () => {
  it.each([N, 2 * N])("of %i tokens is everything that a token sees before its segment", async (cacheLength) => {
    const mixer = transformerXl(configOf({ cacheLength }));
    const subject = subjectOf({ mixer, modelDim: D, segmentLength: N });
    const x = noise([1, 5 * N, D], 2);
    const { y } = await read(subject, onReference, x);
    for (const t of [0, N - 1, N, 2 * N + 1]) {
      const { y: changed } = await read(subject, onReference, perturbed(x, t));
      const sees = Array.from({ length: 5 * N }, (_, i) => i >= t && i - (i % N) <= t + cacheLength);
      const moved = sees.map((_, i) => farthest(cut(changed, i, i + 1), cut(y, i, i + 1)) > 0);
      expect(moved).toEqual(sees);
    }
  });
});

describe("a config of Transformer-XL", () => {
  it.each<[Variant, RegExp]>([
    [{ cacheLength: N + 2 }, /cacheLength 6 .* 4/],
    [{ cacheLength: 0 }, /cacheLength 0 .* 4/],
    [{ modelDim: 5 }, /modelDim 5 .* even/],
  ])("is refused when it does not fit: %o", (variant, message) => {
    expect(() => transformerXl(configOf(variant))).toThrow(OptionError);
    expect(() => transformerXl(configOf(variant))).toThrow(message);
  });

  it("says how many multiplications a token takes", () => {
    const flows = configOf({ stopGradient: false });
    expect(transformerXlMultiplications(flows)).toBe(4 * D * 8 + 3 * 8 * 2 * N);
    expect(transformerXlMultiplications(configOf({}))).toBe(6 * D * 8 + 3 * 8 * 2 * N);
  });
});

// --- internal ---

/** The slope of half the sum of squares of y with respect to x, from `params.*` and x. */
function slopeGraph(config: TransformerXlConfig): ReturnType<typeof createGraph> {
  const mixer = transformerXl(config);
  const x = input("x", fixtures.x.shape);
  const params = mapTree<Tree<Tensor>>(fixtures.params, ({ shape }, path) => input(`params.${path}`, shape));
  const state = mapTree<Tree<Tensor>>(mixer.initialState(2), (leaf) => constant(leaf as FloatTensor));
  const loss = mul(0.5, sum(square(mixer.apply(params, x, state).y)));
  const [slope] = gradients(loss, [x]);
  if (!slope) throw new Error("there is no slope");
  return createGraph({ slope });
}

function configOf(variant: Variant): TransformerXlConfig {
  return { modelDim: D, numHeads: 2, headDim: 4, segmentLength: N, cacheLength: N, ...variant };
}
