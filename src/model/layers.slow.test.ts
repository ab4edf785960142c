import { mixerSuite } from "../mixers/testing/mixer.suite.ts";
import { parseModelConfig } from "./config.ts";
import { mixedLayers } from "./fixtures.ts";
import { layerStack } from "./stack.ts";

mixerSuite("a window, two token-delta memories and Mamba-2", {
  mixer: layerStack(parseModelConfig(mixedLayers)),
  modelDim: mixedLayers.modelDim,
  segmentLength: mixedLayers.segmentLength,
  tolerance: 1e-6, // as for windows, whose positions count from another token in each way
});

mixerSuite("Gated DeltaNet, a memory of one head and one of all", {
  mixer: layerStack(
    parseModelConfig({
      ...mixedLayers,
      numLayers: 3,
      mixer: undefined,
      memory: { heads: [0], shift: "convolution" },
      layers: [{ mixer: { kind: "gated-deltanet" } }, {}, { memory: { update: "linear", gate: "token", cache: true } }],
    }),
  ),
  modelDim: mixedLayers.modelDim,
  segmentLength: mixedLayers.segmentLength,
});
