/** Reads half of a text, saves what the model remembers, and continues in a new session as if nothing had happened. */
import { createSession, encodeText } from "infini-transformer";
import { createNodeEngine, loadModelFolder, readBytes, writeAtomically } from "infini-transformer/node";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const file = join(await mkdtemp(join(tmpdir(), "infini-")), "state.safetensors");
const options = { loaded: await loadModelFolder("models/passkey"), engine: await createNodeEngine() };
const first = encodeText("Call me Ishmael. Some years ago, never mind how long precisely, ");
const second = encodeText("having little or no money in my purse, I thought I would sail about a little.");

const whole = createSession(options);
await whole.read(first);
const expected = await whole.prefill(second);

const before = createSession(options);
await before.read(first);
await writeAtomically(file, await before.save());

const after = createSession(options);
await after.load(await readBytes(file), file);
const logits = await after.prefill(second);

const difference = Math.max(...logits.map((value, i) => Math.abs(value - (expected[i] ?? Number.NaN))));
process.stdout.write(
  `saved ${before.stateBytes} bytes at token ${before.position}; the difference afterwards is ${difference}\n`,
);
if (difference !== 0) throw new Error("the restored session gave other logits");
