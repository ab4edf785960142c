import { MQAR_VERSION } from "../../tasks/mqar.ts";
import { createNodeEngine, type NodeDevice } from "../../engine/ort/ort-node.ts";
import { evaluateMqar, type MqarRow } from "../../evaluate/mqar.ts";
import { createSession } from "../../runtime/session.ts";
import { loadModelFolder } from "../../platform/node/model-folder.ts";
import { createReadProgress, formatCount, formatWithError, print, renderTable, writeJson } from "../terminal/output.ts";

interface MqarFlags {
  readonly pairs: readonly number[];
  readonly lengths: readonly number[];
  readonly distances: readonly number[];
  readonly samples: number;
  readonly batch: number;
  readonly seed: number;
  readonly device: NodeDevice;
  readonly json?: string;
}

/** Asks a model for many pairs at once, prints a row for each size and distance, and writes them as JSON. */
export async function measureMqar(folder: string, flags: MqarFlags): Promise<void> {
  const { pairs, lengths, distances, samples, seed, json } = flags;
  const loaded = await loadModelFolder(folder);
  const engine = await createNodeEngine({ device: flags.device });
  const session = createSession({ loaded, engine, batch: Math.min(flags.batch, samples) });
  const progress = createReadProgress();
  const rows = await evaluateMqar(session, {
    pairs,
    lengths,
    distances,
    samples,
    seed,
    onProgress: progress.onProgress,
  });
  progress.stop();
  const head = ["pairs", "length", "distance", "sequences", "accuracy", "all right", "tokens/s"];
  print(renderTable(head, rows.map(cellsOf)), json);
  await writeJson({ model: folder, task: "mqar", version: MQAR_VERSION, seed, rows }, json);
}

// --- internal ---

function cellsOf({ pairs, length, distance, samples, accuracy, standardError, exact, ...row }: MqarRow): string[] {
  const counts = [pairs, length, distance, samples].map(formatCount);
  return [...counts, formatWithError(accuracy, standardError), exact.toFixed(2), formatCount(row.tokensPerSecond)];
}
