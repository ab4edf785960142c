import { createNodeEngine } from "../../../src/engine/ort/ort-node.ts";
import { createOptimizer, parseRunConfig } from "../../../src/train/config.ts";
import { presets } from "../../../src/train/presets.ts";
import { createStepper } from "../../../src/train/stepper.ts";
import { nextTokens, stepsOn } from "../lib/batches.ts";
import { peakRssBytes } from "../../../src/cli/terminal/machine.ts";
import { answer, childSettings } from "../lib/child.ts";
import { secondsOf } from "../lib/measure.ts";
import { benchModel, benchTokens, withFreshWeights } from "../lib/models.ts";

/** Training steps on `segments` segments with the gradients of a mode. */
const { segments, mode, steps, quick } = childSettings<{
  segments: number;
  mode: string;
  steps: number;
  quick: boolean;
}>();
const model = quick ? benchModel(true) : presets.tiny.model;
const lanes = presets.tiny.training.batch;
const length = segments * model.segmentLength;
const config = parseRunConfig({ model, training: { steps: 1, batch: lanes, length, mode, warmupSteps: 0 } });
const stepper = await createStepper({
  ...withFreshWeights(config.model),
  optimizer: createOptimizer(config.training.optimizer),
  training: config.training,
  engine: await createNodeEngine(),
});
const step = stepsOn(stepper, nextTokens(benchTokens(lanes * (length + 1)), lanes, length), 1e-3);
await step();
const seconds = await secondsOf(async () => {
  for (let i = 0; i < steps; i++) await step();
});
await stepper.dispose();
answer({ speed: (steps * lanes * length) / seconds, memory: peakRssBytes() });
