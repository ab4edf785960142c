import { createNodeEngine } from "../../../src/engine/ort/ort-node.ts";
import { peakRssBytes } from "../../../src/cli/terminal/machine.ts";
import { answer, childSettings } from "../lib/child.ts";
import { secondsOf } from "../lib/measure.ts";
import { readTo, warmSession } from "../lib/portable.ts";
import { loadShippedModel } from "../lib/shipped-model.ts";

/** The shipped model reads `tokens` tokens and then takes `steps` steps. */
const { tokens, steps } = childSettings<{ tokens: number; steps: number }>();
const session = await warmSession(await loadShippedModel(), await createNodeEngine());
const tokensPerSecond = await readTo(session, tokens);
await session.step(0);
const stepping = await secondsOf(async () => {
  for (let i = 0; i < steps; i++) await session.step(i % 256);
});
await session.dispose();
answer({ reading: 1 / tokensPerSecond, step: stepping / steps, memory: peakRssBytes() });
