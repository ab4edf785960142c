import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { recallTasksOf } from "../../src/tasks/recall-tasks.ts";
import type { Haystack } from "../../src/tasks/passkey.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { evaluateMqar } from "../../src/evaluate/mqar.ts";
import { evaluatePasskey } from "../../src/evaluate/passkey.ts";
import { evaluateRecall } from "../../src/evaluate/recall.ts";
import { createSession, type Session } from "../../src/runtime/session.ts";
import { keyValueCacheBytes } from "../../src/model/cost.ts";
import type { LoadedModel } from "../../src/model/transformer.ts";
import { readText } from "../../src/platform/node/corpus.ts";
import type { Evaluation } from "./experiments.ts";
import type { TokensRead } from "./read-tokens.ts";
import type { MemoryRow } from "./results.ts";
import { inRepository, mobyDick } from "./texts.ts";

export interface EvaluationContext {
  readonly loaded: LoadedModel;
  /** The model folder that `loaded` is from. */
  readonly folder: string;
  readonly engine: Engine;
  /** Called with the share done, in 0..1; an error that it throws ends the evaluation. */
  onProgress(share: number): void;
}

/** The rows of an evaluation. */
export async function evaluate(evaluation: Evaluation, context: EvaluationContext): Promise<readonly object[]> {
  const onProgress = (done: number, total: number): void => context.onProgress(done / total);
  if (evaluation.kind === "constant-memory") return measureMemory(evaluation, context);
  const { samples, seed, batch } = evaluation;
  const session = createSession({ ...context, batch: Math.min(batch, samples) });
  try {
    return await readThrough(session, evaluation, { samples, seed, onProgress });
  } finally {
    await session.dispose();
  }
}

// --- internal ---

interface Common {
  readonly samples: number;
  readonly seed: number;
  onProgress(done: number, total: number): void;
}

async function readThrough(
  session: Session,
  evaluation: Exclude<Evaluation, { kind: "constant-memory" }>,
  common: Common,
): Promise<readonly object[]> {
  if (evaluation.kind === "passkey") {
    const { lengths, depths, haystack } = evaluation;
    return evaluatePasskey(session, { ...common, lengths, depths, haystack: await haystackOf(haystack) });
  }
  if (evaluation.kind === "mqar") {
    const { pairs, lengths, distances, vocabulary } = evaluation;
    return evaluateMqar(session, { ...common, pairs, lengths, distances, vocabulary });
  }
  const { tasks, lengths } = evaluation;
  return evaluateRecall(session, {
    ...common,
    tasks: recallTasksOf(tasks),
    lengths,
    book: await readText(mobyDick()),
  });
}

async function haystackOf(name: "garbage" | "moby-dick"): Promise<Haystack> {
  return name === "garbage" ? { kind: "garbage" } : { kind: "text", tokens: await readText(mobyDick()) };
}

async function measureMemory(
  { lengths, repeats }: Extract<Evaluation, { kind: "constant-memory" }>,
  { loaded, folder, onProgress }: EvaluationContext,
): Promise<MemoryRow[]> {
  const total = repeats * lengths.reduce((sum, length) => sum + length, 0);
  let done = 0;
  const runs = new Map<number, TokensRead[]>(lengths.map((length) => [length, []]));
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const length of lengths) {
      runs.get(length)?.push(await readInOwnProcess(folder, length));
      onProgress((done += length) / total);
    }
  }
  return [...runs].map(([tokens, read]) => {
    const allResidentBytes = read.map(({ residentBytes }) => residentBytes);
    const allTokensPerSecond = read.map(({ tokensPerSecond }) => tokensPerSecond);
    return {
      tokens,
      repeats,
      residentBytes: median(allResidentBytes),
      allResidentBytes,
      tokensPerSecond: median(allTokensPerSecond),
      allTokensPerSecond,
      keyValueCacheBytes: keyValueCacheBytes(loaded.model.config, tokens),
    };
  });
}

/** Memory left behind by one reading must not count for the next. */
async function readInOwnProcess(folder: string, tokens: number): Promise<TokensRead> {
  const args = ["--import", "tsx", inRepository("lab/experiments/read-tokens.ts"), folder, String(tokens)];
  const child = spawn(process.execPath, args, { cwd: inRepository(""), stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<number | null>((resolve, reject) => child.on("error", reject).on("close", resolve));
  const [written, problem, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (code !== 0) throw new Error(`reading ${tokens} tokens in a separate process failed: ${problem}`);
  return JSON.parse(written) as TokensRead;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  return ((low ?? NaN) + (high ?? NaN)) / 2;
}
