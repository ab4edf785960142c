import { createNodeEngine, type NodeDevice } from "../../engine/ort/ort-node.ts";
import { evaluatePerplexity, poolPerplexity, type PerplexityResult } from "../../evaluate/perplexity.ts";
import { createSession, type Session } from "../../runtime/session.ts";
import { loadModelFolder } from "../../platform/node/model-folder.ts";
import { loadTokenizer } from "../../platform/node/tokenizer-file.ts";
import { UsageError } from "../terminal/errors.ts";
import { peakRssBytes } from "../terminal/machine.ts";
import { readScoredTexts, type ScoredText } from "./texts.ts";
import { createProgress, formatBytes, formatCount, print, writeJson } from "../terminal/output.ts";

interface PerplexityFlags {
  readonly data?: string;
  readonly device: NodeDevice;
  readonly json?: string;
}

/** Streams texts through a model, prints how well it predicts them and writes it as JSON. */
export async function measurePerplexity(folder: string, { data, device, json }: PerplexityFlags): Promise<void> {
  if (data === undefined) throw new UsageError("--data: perplexity needs a text file, or a folder of them");
  const loaded = await loadModelFolder(folder);
  const texts = await readScoredTexts("--data", [data], await loadTokenizer(loaded.model.config, folder));
  const session = createSession({ loaded, engine: await createNodeEngine({ device }) });
  const documents = await readAll(session, texts);
  const result = { ...poolPerplexity(documents), peakRssBytes: peakRssBytes() };
  print(`bits per byte    ${result.bitsPerByte.toFixed(4)}`, json);
  print(`perplexity       ${result.perplexity.toFixed(3)} per token`, json);
  print(`tokens           ${formatCount(result.tokens)} at ${formatCount(result.tokensPerSecond)} tokens/s`, json);
  if (texts.length > 1) print(`documents        ${formatCount(texts.length)}, each read from its start`, json);
  print(
    `state            ${formatBytes(result.stateBytes)}, resident at most ${formatBytes(result.peakRssBytes)}`,
    json,
  );
  const rows = documents.map(({ bitsPerByte, perplexity, tokens, bytes }, i) => ({
    name: texts[i]?.name,
    bitsPerByte,
    perplexity,
    tokens,
    bytes,
  }));
  await writeJson({ ...result, documents: rows }, json);
}

// --- internal ---

/** Reads every text from an empty memory. */
async function readAll(session: Session, texts: readonly ScoredText[]): Promise<PerplexityResult[]> {
  const total = texts.reduce((sum, { tokens }) => sum + tokens.length - 1, 0);
  const progress = createProgress("read", total, "tokens");
  const results: PerplexityResult[] = [];
  let before = 0;
  for (const { tokens, bytes } of texts) {
    await session.reset();
    const onProgress = (done: number): void => progress.update(before + done);
    results.push(await evaluatePerplexity(session, tokens, { bytes, onProgress }));
    before += tokens.length - 1;
  }
  progress.stop();
  return results;
}
