import { describe, expect, it } from "vitest";
import { createReferenceEngine } from "../../../src/engine/reference/reference.ts";
import { createSession } from "../../../src/runtime/session.ts";
import { floatTensor, intTensor, type HostTensor } from "../../../src/tensor/host-tensor.ts";
import { flatten, type Flat } from "../../../src/tensor/tree.ts";
import { parseModelConfig } from "../../../src/model/config.ts";
import { layerNames } from "../../../src/model/stack.ts";
import { createFullAttention, fullAttentionStep, ropeFeeds } from "./full-attention.ts";
import { benchTokens, withFreshWeights } from "./models.ts";

const LENGTH = 5;
const loaded = withFreshWeights(
  parseModelConfig({
    modelDim: 12,
    numLayers: 2,
    numHeads: 4,
    numKeyValueHeads: 2,
    headDim: 6,
    feedForwardDim: 16,
    segmentLength: LENGTH,
    memory: { update: "none", shift: "none" },
  }),
);
const engine = createReferenceEngine();

describe("full attention with a key/value cache", () => {
  it("gives, token by token, the results of a model with a single segment", async () => {
    const { config } = loaded.model;
    const tokens = benchTokens(LENGTH);
    const session = createSession({ loaded, engine });
    const wanted = await session.logits(tokens);
    let cache: Flat<HostTensor> = {};
    for (const [position, token] of tokens.entries()) {
      const program = await engine.compile(fullAttentionStep(loaded, position));
      const feeds = { ...flatten<HostTensor>(loaded.params, "params"), ...cache, ...ropeFeeds(position, config) };
      const results = await program.run({ ...feeds, token: intTensor([1, 1], Int32Array.of(token)) });
      const row = wanted.subarray(position * config.vocabularySize, (position + 1) * config.vocabularySize);
      row.forEach((logit, i) => expect(results["logits"]?.data[i]).toBeCloseTo(logit, 5));
      const names = layerNames(config).flatMap((layer) => [`keys.${layer}`, `values.${layer}`]);
      cache = Object.fromEntries(names.map((name) => [name, longer(cache[name], results[`next.${name}`])]));
    }
  });

  it("takes steps at any position", async () => {
    const decoder = await createFullAttention(loaded, engine, 9);
    expect((await decoder.step(3)).every(Number.isFinite)).toBe(true);
    await decoder.dispose();
  });
});

/** Rows [1, 1, K, 1, d] after those [1, 1, K, t, d] before them. */
function longer(before: HostTensor | undefined, row: HostTensor | undefined): HostTensor {
  if (!row) throw new Error("the step gave no row");
  const [K = 0, t, d = 0] = [row.shape[2], before?.shape[3] ?? 0, row.shape[4]];
  const data = new Float32Array(K * (t + 1) * d);
  for (let head = 0; head < K; head++) {
    if (before) data.set(before.data.subarray(head * t * d, (head + 1) * t * d), head * (t + 1) * d);
    data.set(row.data.subarray(head * d, (head + 1) * d), (head * (t + 1) + t) * d);
  }
  return floatTensor([1, 1, K, t + 1, d], data);
}
