/** Trains a small model on a text in half a minute, and generates text with it. */
import {
  createSession,
  decodeTokens,
  encodeText,
  generate,
  parseRunConfig,
  presets,
  runTraining,
  trainedModel,
} from "infini-transformer";
import { createNodeEngine } from "infini-transformer/node";

const PROVERBS = [
  "a stitch in time saves nine.",
  "the early bird catches the worm.",
  "still waters run deep.",
  "all that glitters is not gold.",
];
const text = Array.from({ length: 2000 }, (_, i) => PROVERBS[(i * 7 + (i >> 2)) % PROVERBS.length]).join("\n");

const { model, training } = presets.nano;
const config = parseRunConfig({ model, training: { ...training, steps: 80, learningRate: 6e-3 } });
const engine = await createNodeEngine();
const losses: number[] = [];
const position = await runTraining({
  config,
  engine,
  documents: [{ name: "proverbs", tokens: new TextEncoder().encode(text) }],
  onStep: ({ loss }) => void losses.push(loss),
});
const last = losses.at(-1) ?? Number.NaN;
process.stdout.write(`loss ${losses[0]?.toFixed(2)} -> ${last.toFixed(2)} nats a byte\n`);

const session = createSession({ loaded: trainedModel(config, position), engine });
const written: number[] = [];
for await (const token of generate(session, encodeText("\nthe early"), { maxTokens: 40, temperature: 0.5, seed: 1 }))
  written.push(token);
process.stdout.write(`the early${decodeTokens(written)}\n`);
if (!(last < 0.5)) throw new Error(`the loss is ${last}`);
