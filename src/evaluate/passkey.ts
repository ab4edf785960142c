import { decodeTokens } from "../data/bytes.ts";
import { passkeyPrompt, scorePasskey, type Haystack, type PasskeyPrompt } from "../data/passkey.ts";
import { mostLikely } from "../generate/sampler.ts";
import type { Session } from "../generate/session.ts";
import { createRng } from "../random.ts";
import { mean, standardError } from "./statistics.ts";

/** One cell of the paper's table 3. */
export interface PasskeyRow {
  /** Tokens of the prompt. */
  readonly length: number;
  /** 0: the key stands at the start, 1: at the end. */
  readonly depth: number;
  readonly samples: number;
  /** Mean share of the key's digits in their place. */
  readonly tokenAccuracy: number;
  /** Share of the prompts answered with the whole key. */
  readonly exactMatch: number;
  /** Standard error of `tokenAccuracy`. */
  readonly standardError: number;
  readonly seconds: number;
  /** Over all lanes. */
  readonly tokensPerSecond: number;
}

export interface PasskeyOptions {
  readonly lengths: readonly number[];
  readonly depths: readonly number[];
  /** Prompts of a cell. */
  readonly samples: number;
  readonly haystack: Haystack;
  readonly seed: number;
  /** Called with what is done of the tokens of the whole table. */
  onProgress?(doneTokens: number, totalTokens: number): void;
  /** Called after each cell. */
  onRow?(row: PasskeyRow): void;
}

/** Longest answer that is read: a space, five digits and a stop. */
export const ANSWER_TOKENS = 8;

/** Greedy answers to pass key prompts, several side by side in the lanes of the session. */
export async function evaluatePasskey(session: Session, options: PasskeyOptions): Promise<PasskeyRow[]> {
  const { lengths, depths, samples, onProgress } = options;
  const rounds = Math.ceil(samples / session.batch);
  const total = lengths.reduce((sum, length) => sum + length, 0) * depths.length * rounds;
  let done = 0;
  const rows: PasskeyRow[] = [];
  for (const length of lengths) {
    for (const depth of depths) {
      const row = await evaluateCell(session, options, length, depth, (read) => onProgress?.(done + read, total));
      done += length * rounds;
      options.onRow?.(row);
      rows.push(row);
    }
  }
  return rows;
}

/** What each lane writes, greedily, after its prompt. */
export async function answerPrompts(
  session: Session,
  prompts: readonly Int32Array[],
  onProgress?: (done: number) => void,
): Promise<string[]> {
  const answers: number[][] = prompts.map(() => []);
  let logits = await session.prefill(prompts, onProgress);
  const size = logits.length / prompts.length;
  for (let i = 0; i < ANSWER_TOKENS; i++) {
    const tokens = prompts.map((_, lane) => mostLikely(logits.subarray(lane * size, (lane + 1) * size)));
    tokens.forEach((token, lane) => answers[lane]?.push(token));
    if (i + 1 < ANSWER_TOKENS) logits = await session.step(tokens);
  }
  return answers.map((tokens) => decodeTokens(tokens));
}

// --- internal ---

async function evaluateCell(
  session: Session,
  { samples, haystack, seed }: PasskeyOptions,
  length: number,
  depth: number,
  onProgress: (done: number) => void,
): Promise<PasskeyRow> {
  const rng = createRng(seed).fork(`${length} at ${depth}`);
  const started = performance.now();
  const scores: { tokenAccuracy: number; exactMatch: boolean }[] = [];
  for (let start = 0; start < samples; start += session.batch) {
    const prompts = Array.from({ length: session.batch }, (_, lane): PasskeyPrompt =>
      passkeyPrompt({ length, depth, haystack, rng: rng.fork(start + lane) }),
    );
    session.reset();
    const answers = await answerPrompts(
      session,
      prompts.map(({ tokens }) => tokens),
      (read) => onProgress((start / session.batch) * length + read),
    );
    // The last round may have lanes beyond the samples asked for.
    prompts
      .slice(0, samples - start)
      .forEach(({ answer }, lane) => scores.push(scorePasskey(answer, answers[lane] ?? "")));
  }
  const seconds = (performance.now() - started) / 1000;
  const accuracies = scores.map(({ tokenAccuracy }) => tokenAccuracy);
  return {
    length,
    depth,
    samples,
    tokenAccuracy: mean(accuracies),
    exactMatch: mean(scores.map(({ exactMatch }) => (exactMatch ? 1 : 0))),
    standardError: standardError(accuracies),
    seconds,
    tokensPerSecond: (Math.ceil(samples / session.batch) * session.batch * length) / seconds,
  };
}
