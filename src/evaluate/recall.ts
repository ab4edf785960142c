import { OptionError } from "../base/errors.ts";
import { checkRecallLength, emptyLines, fitRecall } from "../tasks/fit.ts";
import type { RecallSample, RecallTask } from "../tasks/recall.ts";
import type { Tokens } from "../text/document.ts";
import type { Tokenizer } from "../text/tokenizers/tokenizer.ts";
import type { Session } from "../runtime/session.ts";
import { createRng, type Rng } from "../base/random.ts";
import { answerPrompts } from "./answers.ts";
import { modelTokenizer } from "./model-tokenizer.ts";
import { mean, standardError } from "../base/statistics.ts";

/** How well a model answers one task at one length. */
export interface RecallRow {
  readonly task: string;
  readonly version: number;
  /** Tokens of the prompt, including padding before a shorter one. */
  readonly length: number;
  readonly samples: number;
  /** Mean score, from 0 to 1. */
  readonly score: number;
  /** Standard error of `score`. */
  readonly standardError: number;
  /** Share of the prompts whose answer has the full score. */
  readonly exact: number;
  readonly seconds: number;
  /** Over all lanes. */
  readonly tokensPerSecond: number;
}

export interface RecallOptions {
  readonly tasks: readonly RecallTask[];
  readonly lengths: readonly number[];
  /** Prompts of a task at a length. */
  readonly samples: number;
  readonly seed: number;
  /** The model's tokenizer. Default: bytes. */
  readonly tokenizer?: Tokenizer;
  /**
   * The book that tasks read, in tokens of the model; repeated where it is shorter than a prompt. Needed by those that
   * read text.
   */
  readonly book?: Tokens | undefined;
  /** Called with the tokens done and the total of the whole table. */
  onProgress?(doneTokens: number, totalTokens: number): void;
  /** Called after each row. */
  onRow?(row: RecallRow): void;
}

/**
 * Greedy answers to recall tasks, several side by side in the lanes of the session. A prompt shorter than its length
 * follows text of the book if the task reads it, otherwise empty lines. Throws `OptionError` before anything is read
 * for a length without room for a task, for a task without the book that it needs, and for a model whose tokenizer is
 * missing.
 */
export async function evaluateRecall(session: Session, options: RecallOptions): Promise<RecallRow[]> {
  const tokenizer = modelTokenizer(session, options.tokenizer);
  checkOptions(options, tokenizer);
  const { tasks, lengths, samples, onProgress } = options;
  const rounds = Math.ceil(samples / session.batch);
  const total = lengths.reduce((sum, length) => sum + length, 0) * tasks.length * rounds;
  let done = 0;
  const rows: RecallRow[] = [];
  for (const task of tasks) {
    for (const length of lengths) {
      const row = await evaluateCell(session, { ...options, tokenizer }, task, length, (read) =>
        onProgress?.(done + read, total),
      );
      done += length * rounds;
      options.onRow?.(row);
      rows.push(row);
    }
  }
  return rows;
}

// --- internal ---

function checkOptions({ tasks, lengths, book }: RecallOptions, tokenizer: Tokenizer): void {
  for (const task of tasks) {
    for (const length of lengths) checkRecallLength(task, length, tokenizer);
    if (task.readsText && !book?.length) throw new OptionError(`${task.name} needs a book to read`);
  }
}

async function evaluateCell(
  session: Session,
  { samples, seed, book, tokenizer }: RecallOptions & { readonly tokenizer: Tokenizer },
  task: RecallTask,
  length: number,
  onProgress: (done: number) => void,
): Promise<RecallRow> {
  const root = createRng(seed).fork(`${task.name} at ${length}`);
  const started = performance.now();
  const scores: number[] = [];
  for (let start = 0; start < samples; start += session.batch) {
    const drawn = Array.from({ length: session.batch }, (_, lane) =>
      drawPrompt(task, length, tokenizer, root.fork(start + lane), book),
    );
    await session.reset();
    const prompts = drawn.map(({ tokens }) => tokens);
    const answers = await answerPrompts(session, prompts, { characters: task.answerBytes, tokenizer }, (read) =>
      onProgress((start / session.batch) * length + read),
    );
    // The last round may have more lanes than samples left.
    drawn
      .slice(0, samples - start)
      .forEach(({ references }, lane) => scores.push(task.score(answers[lane] ?? "", references)));
  }
  const seconds = (performance.now() - started) / 1000;
  return {
    task: task.name,
    version: task.version,
    length,
    samples,
    score: mean(scores),
    standardError: standardError(scores),
    exact: mean(scores.map((score) => (score === 1 ? 1 : 0))),
    seconds,
    tokensPerSecond: (Math.ceil(samples / session.batch) * session.batch * length) / seconds,
  };
}

/** A prompt of exactly `length` tokens: lanes are of equal length. */
function drawPrompt(
  task: RecallTask,
  length: number,
  tokenizer: Tokenizer,
  rng: Rng,
  book: Tokens = new Uint8Array(),
): Pick<RecallSample, "references"> & { tokens: Int32Array } {
  const window = (size: number, drawn: Rng): Tokens => windowOf(book, size, drawn);
  const { prompt, references } = fitRecall(task, { length, rng, tokenizer, tokens: window });
  const left = length - prompt.length;
  const tokens = new Int32Array(length);
  tokens.set(task.readsText ? window(left, rng) : emptyLines(left, tokenizer));
  tokens.set(prompt, left);
  return { tokens, references };
}

/** A window of a book at a random place; the book wraps around at its end. */
function windowOf(book: Tokens, size: number, rng: Rng): Tokens {
  if (size <= book.length) {
    const start = rng.integer(book.length - size + 1);
    return book.subarray(start, start + size);
  }
  const start = rng.integer(book.length);
  return Int32Array.from({ length: size }, (_, i) => book[(start + i) % book.length] ?? 0);
}
