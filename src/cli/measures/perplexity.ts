import { createNodeEngine, type NodeDevice } from "../../engine/ort-node.ts";
import { evaluatePerplexity } from "../../evaluate/perplexity.ts";
import { createSession } from "../../generate/session.ts";
import { readText } from "../../node/corpus.ts";
import { loadModelFolder } from "../../node/model-folder.ts";
import { UsageError } from "../errors.ts";
import { createProgress, formatBytes, formatCount, peakRssBytes, print, writeJson } from "../output.ts";

interface PerplexityFlags {
  readonly data?: string;
  readonly device: NodeDevice;
  readonly json?: string;
}

/** Streams a text through a model, prints how well it foretells it and writes it as JSON. */
export async function measurePerplexity(folder: string, { data, device, json }: PerplexityFlags): Promise<void> {
  if (data === undefined) throw new UsageError("--data: perplexity needs a text file");
  const loaded = await loadModelFolder(folder);
  const text = Int32Array.from(await readText(data));
  if (text.length < 2) throw new UsageError(`--data: ${data} has one token; there is none after it to foretell`);
  const session = createSession({ loaded, engine: await createNodeEngine({ device }) });
  const progress = createProgress("read", text.length - 1, "tokens");
  const measured = await evaluatePerplexity(session, text, { onProgress: (done) => progress.update(done) });
  progress.stop();
  const result = { ...measured, peakRssBytes: peakRssBytes() };
  print(`bits per byte    ${result.bitsPerByte.toFixed(4)}`, json);
  print(`perplexity       ${result.perplexity.toFixed(3)} per token`, json);
  print(`tokens           ${formatCount(result.tokens)} at ${formatCount(result.tokensPerSecond)} tokens/s`, json);
  print(
    `state            ${formatBytes(result.stateBytes)}, resident at most ${formatBytes(result.peakRssBytes)}`,
    json,
  );
  await writeJson(result, json);
}
