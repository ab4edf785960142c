import { OptionError } from "../../base/errors.ts";
import { describe, expect, it } from "vitest";
import { expectClose } from "../../engine/engine.suite.ts";
import type { NumericTensor } from "../../engine/reference/reference.ts";
import { flatten } from "../../tensor/tree.ts";
import { cut, farthest, noise, onReference, perturbed, read, subjectOf } from "../testing/fixtures.ts";
import type { SequenceMixer } from "../contract.ts";
import { mixerSuite } from "../testing/mixer.suite.ts";
import { blockLength, type WindowConfig } from "./config.ts";
import { windowMultiplications } from "./cost.ts";
import fixtures from "./fixtures.json" with { type: "json" };
import { fullAttention, windowAttention } from "./mixer.ts";
import { naiveWindow } from "./naive.ts";
import type { WindowParams } from "./params.ts";

const N = 4;
const D = 6;

type Variant = Partial<WindowConfig>;

/** Short windows in blocks and a long one in one product, with and without sinks. */
const variants: readonly { readonly variant: Variant; readonly reach: 0 | 1 | 2 }[] = [
  { variant: { windowLength: N }, reach: 0 },
  { variant: { windowLength: 2 * N, numHeads: 4 }, reach: 1 },
  { variant: { windowLength: N, sinks: 2, numHeads: 4 }, reach: 2 },
  { variant: { windowLength: 2 * N, sinks: N, numKeyValueHeads: 1 }, reach: 2 },
  { variant: { windowLength: 8 * N, numHeads: 4 }, reach: 2 },
];

for (const { variant, reach } of variants) {
  const config = configOf(variant);
  mixerSuite(JSON.stringify(variant), {
    mixer: windowAttention(config),
    modelDim: D,
    segmentLength: N,
    reach,
    tolerance: 1e-6,
    naive: (params, x) => naiveWindow(config, params as WindowParams<NumericTensor>, x),
  });
}

describe("what PyTorch gives", () => {
  it.each(fixtures.cases)("a window of $windowLength with $sinks sinks", async ({ windowLength, sinks, y }) => {
    const config = { ...fixtures.config, windowLength, sinks };
    const weights = flatten<NumericTensor>(fixtures.params, "params");
    const subject = subjectOf({ mixer: windowAttention(config), modelDim: config.modelDim, segmentLength: N });
    const found = await read({ ...subject, weights }, onReference, fixtures.x);
    expectClose(found.y, y, 1e-5);
  });
});

describe("the window", () => {
  it.each<Variant>([
    { windowLength: N },
    { windowLength: 2 * N },
    { windowLength: N, sinks: 3 },
    { windowLength: 5 * N, sinks: 1 },
  ])("limits what a token sees: %o", async (variant) => {
    const config = configOf(variant);
    const { windowLength: W, sinks } = config;
    const [length, x] = [8 * N, noise([1, 8 * N, D], 2)];
    const y = await outputs(windowAttention(config), x);
    for (const t of [0, sinks, sinks + 1, N, 2 * N - 1, 7 * N]) {
      const changed = await outputs(windowAttention(config), perturbed(x, t));
      const sees = Array.from({ length }, (_, i) => i >= t && (i < t + W || t < sinks));
      const moved = sees.map((_, i) => farthest(cut(changed, i, i + 1), cut(y, i, i + 1)) > 0);
      expect(moved).toEqual(sees);
    }
  });

  it("reads the middle of a text as if it were the start, without sinks", async () => {
    const [mixer, x] = [windowAttention(configOf({ windowLength: 2 * N })), noise([1, 12 * N, D], 2)];
    const [whole, late] = [await outputs(mixer, x), await outputs(mixer, cut(x, 5 * N, 12 * N))];
    expectClose(cut(late, 2 * N, 7 * N), cut(whole, 7 * N, 12 * N), 1e-6);
  });

  it("is full attention when it holds the text, in blocks and in one product", async () => {
    const x = noise([2, 4 * N, D], 2);
    const { windowLength: _, sinks: __, ...config } = configOf({ numHeads: 4 });
    const full = await outputs(fullAttention({ ...config, contextLength: 8 * N }), x);
    for (const windowLength of [4 * N, 5 * N]) {
      const window = { ...config, windowLength, sinks: 0 };
      expect(blockLength(window, 4 * N)).toBe(windowLength === 4 * N ? N : 4 * N);
      expectClose(await outputs(windowAttention(window), x), full, 1e-6);
    }
  });

  it("copies no keys for each segment when it is long, and stays linear for texts that are longer", () => {
    const long = configOf({ windowLength: 16 * N });
    expect(blockLength(long, 16 * N)).toBe(16 * N);
    expect(blockLength(long, 17 * N)).toBe(N);
    expect(blockLength(configOf({ windowLength: 2 * N }), 2 * N)).toBe(N);
  });
});

describe("a config of a window", () => {
  it.each<[Variant, RegExp]>([
    [{ windowLength: N + 1 }, /windowLength 5 .* 4/],
    [{ windowLength: 0 }, /windowLength 0 .* 4/],
    [{ sinks: N + 1 }, /sinks 5 .* 4/],
    [{ sinks: -1 }, /sinks -1 .* 4/],
    [{ sinks: 0.5 }, /sinks 0.5 .* 4/],
  ])("is refused when it does not fit the segments: %o", (variant, message) => {
    expect(() => windowAttention(configOf(variant))).toThrow(OptionError);
    expect(() => windowAttention(configOf(variant))).toThrow(message);
  });

  it("says how many multiplications a token takes", () => {
    const weights = 2 * D * 8 + 2 * D * 8;
    expect(windowMultiplications(configOf({ windowLength: N, sinks: 2 }))).toBe(weights + 2 * 8 * (2 + N + N));
    expect(windowMultiplications(configOf({ windowLength: 8 * N }))).toBe(weights + 2 * 8 * 16 * N);
  });
});

// --- internal ---

/** y of x [B, T, D], read at once from an empty past. */
async function outputs(mixer: SequenceMixer, x: NumericTensor): Promise<NumericTensor> {
  const subject = subjectOf({ mixer, modelDim: D, segmentLength: N });
  return (await read(subject, onReference, x)).y;
}

function configOf(variant: Variant): WindowConfig {
  return {
    modelDim: D,
    numHeads: 2,
    numKeyValueHeads: 2,
    headDim: 4,
    segmentLength: N,
    ropeBase: 100,
    windowLength: N,
    sinks: 0,
    ...variant,
  };
}
