import type { Tokens } from "../text/document.ts";
import type { Tokenizer } from "../text/tokenizers/tokenizer.ts";
import { passkeySentence, PASSKEY_QUESTION, PASSKEY_TASK } from "../tasks/passkey.ts";
import { askAside } from "../runtime/ask-aside.ts";
import type { Session } from "../runtime/session.ts";
import { modelTokenizer } from "./model-tokenizer.ts";
import { ANSWER_CHARACTERS } from "./passkey.ts";

/** A key hidden in one lane's copy of a book. */
export interface HiddenKey {
  readonly key: string;
  /** Token of the book that the sentence with the key comes before. */
  readonly position: number;
}

/** One question and its answer. */
export interface BookAnswer extends HiddenKey {
  /** Tokens from the end of the sentence with the key to the question. */
  readonly distance: number;
  readonly answer: string;
  readonly right: boolean;
}

export interface BookProgress {
  readonly tokens: number;
  readonly seconds: number;
}

export interface BookOptions {
  /** Distances after the key to ask at, besides the end of the book; those past the end are left out. */
  readonly distances: readonly number[];
  /** The model's tokenizer. Default: bytes. */
  readonly tokenizer?: Tokenizer;
  /** Called after each block with the tokens read in each lane and the time taken, not counting questions. */
  onProgress?(progress: BookProgress): void;
}

/** Tokens in each lane between two calls of `onProgress`. */
const BLOCK = 16_384;

/**
 * Reads a book once in every lane, after the task of the pass key prompt and each with its own key hidden in it,
 * and asks for the key along the way and at the end. A question is asked on a copy of the state, so reading continues
 * as if it had not been. Answers come in the order of the keys, nearest question first. Throws `OptionError` for a model
 * whose tokenizer is missing.
 *
 * @param book In tokens of the model.
 */
export async function findKeysInBook(
  session: Session,
  book: Tokens,
  keys: readonly HiddenKey[],
  options: BookOptions,
): Promise<BookAnswer[]> {
  const tokenizer = modelTokenizer(session, options.tokenizer);
  const sentences = keys.map(({ key }) => tokenizer.encode(`\n${passkeySentence(key)}\n`));
  const task = tokenizer.encode(`${PASSKEY_TASK}\n`);
  const lanes = keys.map(({ position }, lane) => insert(task, book, position, sentences[lane] ?? new Int32Array()));
  const length = Math.min(...lanes.map((lane) => lane.length));
  const stops = keys.flatMap(({ position }, lane) => {
    const end = task.length + position + (sentences[lane]?.length ?? 0);
    return [...options.distances.map((distance) => end + distance).filter((at) => at < length), length].map((at) => ({
      lane,
      at,
      distance: at - end,
    }));
  });
  const answers: { lane: number; answer: BookAnswer }[] = [];
  let seconds = 0;
  for (let done = 0; done < length;) {
    const due = stops.filter(({ at }) => at > done).map(({ at }) => at);
    const until = Math.min(done + BLOCK, ...due);
    const started = performance.now();
    await session.read(lanes.map((lane) => lane.subarray(done, until)));
    seconds += (performance.now() - started) / 1000;
    done = until;
    options.onProgress?.({ tokens: done, seconds });
    const asked = stops.filter(({ at }) => at === done);
    if (asked.length === 0) continue;
    const replies = await askAside(session, tokenizer.encode(`\n${PASSKEY_QUESTION}`), {
      maxTokens: ANSWER_CHARACTERS, // an answer has no more tokens than characters
      lineBreak: tokenizer.encode("\n"),
    });
    for (const { lane, distance } of asked) {
      const hidden = keys[lane];
      const answer =
        tokenizer
          .decode(replies[lane] ?? [])
          .slice(0, ANSWER_CHARACTERS)
          .match(/\d+/)?.[0] ?? "";
      if (hidden) answers.push({ lane, answer: { ...hidden, distance, answer, right: answer === hidden.key } });
    }
  }
  return answers
    .toSorted((a, b) => a.lane - b.lane || a.answer.distance - b.answer.distance)
    .map(({ answer }) => answer);
}

// --- internal ---

/** The prompt of a pass key without its question, with a book as the haystack. */
function insert(task: Int32Array, book: Tokens, position: number, sentence: Int32Array): Int32Array {
  const tokens = new Int32Array(task.length + book.length + sentence.length);
  tokens.set(task);
  tokens.set(book.subarray(0, position), task.length);
  tokens.set(sentence, task.length + position);
  tokens.set(book.subarray(position), task.length + position + sentence.length);
  return tokens;
}
