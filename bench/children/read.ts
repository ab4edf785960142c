import { createNodeEngine } from "../../src/engine/ort-node.ts";
import { createSession } from "../../src/generate/session.ts";
import { answer, childSettings, peakBytes } from "../lib/child.ts";
import { secondsOf } from "../lib/measure.ts";
import { benchTokens } from "../lib/models.ts";
import { loadShippedModel } from "../lib/shipped-model.ts";

/** The shipped model reads `tokens` tokens and then takes `steps` steps. */
const { tokens, steps } = childSettings<{ tokens: number; steps: number }>();
const session = createSession({ loaded: await loadShippedModel(), engine: await createNodeEngine() });
// In pieces, as a stream comes: the tokens themselves are not what is measured.
const PIECE = 4096;
const piece = benchTokens(Math.min(PIECE, tokens));
await session.prefill(piece);
await session.step(0);
session.reset();
const reading = await secondsOf(async () => {
  while (session.position < tokens) await session.prefill(piece.subarray(0, tokens - session.position));
});
const stepping = await secondsOf(async () => {
  for (let i = 0; i < steps; i++) await session.step(piece[i % piece.length] ?? 0);
});
await session.dispose();
answer({ reading: reading / tokens, step: stepping / steps, memory: peakBytes() });
