/** Reads a number of tokens with a model, in blocks, and writes the memory and time it took as JSON. */
import { pathToFileURL } from "node:url";
import { encodeText } from "../../src/text/bytes.ts";
import { createNodeEngine } from "../../src/engine/ort/ort-node.ts";
import { createSession } from "../../src/runtime/session.ts";
import { loadModelFolder } from "../../src/platform/node/model-folder.ts";

export interface TokensRead {
  readonly tokens: number;
  /** Peak resident memory of the process. */
  readonly residentBytes: number;
  /** After the first block, which compiles the programs. */
  readonly tokensPerSecond: number;
}

const BLOCK = 1024;
const TEXT = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again. ";

/** Throws FileError or SafetensorsError for a folder that holds no model. */
export async function readTokens(folder: string, tokens: number): Promise<TokensRead> {
  const session = createSession({ loaded: await loadModelFolder(folder), engine: await createNodeEngine() });
  const block = encodeText(TEXT.repeat(Math.ceil(BLOCK / TEXT.length))).subarray(0, BLOCK);
  await session.prefill(block);
  const started = performance.now();
  while (session.position < tokens) await session.prefill(block);
  const seconds = (performance.now() - started) / 1000;
  return {
    tokens: session.position,
    residentBytes: process.resourceUsage().maxRSS * 1024,
    tokensPerSecond: (session.position - BLOCK) / seconds,
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [folder = "", tokens] = process.argv.slice(2);
  process.stdout.write(JSON.stringify(await readTokens(folder, Number(tokens))));
}
