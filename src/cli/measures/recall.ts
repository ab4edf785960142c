import { shortestRecall } from "../../tasks/fit.ts";
import { encodeBytes, type Tokenizer } from "../../text/tokenizers/tokenizer.ts";
import type { RecallTask } from "../../tasks/recall.ts";
import { createNodeEngine, type NodeDevice } from "../../engine/ort/ort-node.ts";
import { evaluateRecall, type RecallRow } from "../../evaluate/recall.ts";
import { createSession } from "../../runtime/session.ts";
import { readText } from "../../platform/node/corpus.ts";
import { loadTextModel } from "../text-model.ts";
import { UsageError } from "../terminal/errors.ts";
import { createReadProgress, formatCount, formatWithError, print, renderTable, writeJson } from "../terminal/output.ts";

interface RecallFlags {
  readonly lengths: readonly number[];
  readonly samples: number;
  readonly batch: number;
  readonly seed: number;
  readonly data?: string;
  readonly device: NodeDevice;
  readonly json?: string;
}

/** Asks a model the prompts of recall tasks, prints a row for each task and length and writes them as JSON. */
export async function measureRecall(folder: string, tasks: readonly RecallTask[], flags: RecallFlags): Promise<void> {
  const { lengths, samples, seed, data, json } = flags;
  const { loaded, tokenizer } = await loadTextModel(folder);
  checkFlags(tasks, flags, tokenizer);
  const book = data === undefined ? undefined : encodeBytes(await readText(data), tokenizer);
  const engine = await createNodeEngine({ device: flags.device });
  const session = createSession({ loaded, engine, batch: Math.min(flags.batch, samples) });
  const progress = createReadProgress();
  const rows = await evaluateRecall(session, {
    tasks,
    lengths,
    samples,
    seed,
    tokenizer,
    book,
    onProgress: progress.onProgress,
  });
  progress.stop();
  print(renderTable(["task", "length", "prompts", "score", "exact", "tokens/s"], rows.map(cellsOf)), json);
  await writeJson({ model: folder, data, seed, rows }, json);
}

// --- internal ---

/** Before anything is read; otherwise the rows before an invalid one would be lost. */
function checkFlags(tasks: readonly RecallTask[], { lengths, data }: RecallFlags, tokenizer: Tokenizer): void {
  const shortest = Math.min(...lengths);
  for (const task of tasks) {
    const { name, readsText } = task;
    const { prompt } = shortestRecall(task, tokenizer);
    if (shortest < prompt) throw new UsageError(`--lengths: ${name} needs at least ${prompt} tokens, got ${shortest}`);
    if (readsText && data === undefined)
      throw new UsageError(`--data: ${name} needs a text file, a book to hide its facts in`);
  }
}

function cellsOf({ task, length, samples, score, standardError, exact, tokensPerSecond }: RecallRow): string[] {
  const accuracy = formatWithError(score, standardError);
  return [task, formatCount(length), String(samples), accuracy, exact.toFixed(2), formatCount(tokensPerSecond)];
}
