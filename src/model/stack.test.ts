import { mixerSuite } from "../mixers/testing/mixer.suite.ts";
import type { NumericTensor } from "../mixers/testing/naive-math.ts";
import { transcriptionSuite } from "../mixers/testing/transcription.suite.ts";
import { parseModelConfig, type ModelConfig, type ModelConfigInput } from "./config.ts";
import fixtures from "./recurrent-memory/fixtures.json" with { type: "json" };
import { naiveRecurrentMemory } from "./recurrent-memory/naive.ts";
import { recurrentMemoryStack, type RecurrentMemoryParams } from "./recurrent-memory/stack.ts";
import { layerStack } from "./stack.ts";

/* A stack of layers keeps the contract of a mixer. */

const N = 4;
const D = 6;

const plain = configOf({});
mixerSuite("two layers of Infini-attention", {
  mixer: layerStack(plain),
  modelDim: D,
  segmentLength: N,
});

for (const [memoryTokens, heads] of [
  [1, {}],
  [3, { numHeads: 4, numKeyValueHeads: 2 }],
] as const) {
  const config = configOf({ ...heads, mixer: { kind: "recurrent-memory", memoryTokens } });
  mixerSuite(`recurrent memory of ${memoryTokens}`, {
    mixer: recurrentMemoryStack(config, memoryTokens),
    modelDim: D,
    segmentLength: N,
    naive: (params, x) => naiveRecurrentMemory(config, params as unknown as RecurrentMemoryParams<NumericTensor>, x),
  });
}

const { memoryTokens, ...shape } = fixtures.config;
const recorded = parseModelConfig({
  ...shape,
  vocabularySize: 1,
  mixer: { kind: "recurrent-memory", memoryTokens },
});
transcriptionSuite(recurrentMemoryStack(recorded, memoryTokens), shape.modelDim, fixtures);

function configOf(changes: Partial<ModelConfigInput>): ModelConfig {
  return parseModelConfig({
    vocabularySize: 11,
    modelDim: D,
    numLayers: 2,
    numHeads: 2,
    headDim: 4,
    feedForwardDim: 8,
    segmentLength: N,
    ...changes,
  });
}
