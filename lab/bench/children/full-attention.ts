import { createNodeEngine } from "../../../src/engine/ort/ort-node.ts";
import { peakRssBytes } from "../../../src/cli/terminal/machine.ts";
import { answer, childSettings } from "../lib/child.ts";
import { createFullAttention } from "../lib/full-attention.ts";
import { secondsOf } from "../lib/measure.ts";
import { withFreshWeights } from "../lib/models.ts";
import { loadShippedModel } from "../lib/shipped-model.ts";

/** A model with the shape of the shipped one takes `steps` steps at position `tokens`, its cache full. */
const { tokens, steps } = childSettings<{ tokens: number; steps: number }>();
const { config } = (await loadShippedModel()).model;
const loaded = withFreshWeights({
  ...config,
  memory: { ...config.memory, update: "none", shift: "none", cache: false },
});
const decoder = await createFullAttention(loaded, await createNodeEngine(), tokens);
await decoder.step(0);
const stepping = await secondsOf(async () => {
  for (let i = 0; i < steps; i++) await decoder.step(i % config.vocabularySize);
});
await decoder.dispose();
answer({ step: stepping / steps, memory: peakRssBytes() });
