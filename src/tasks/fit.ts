import { OptionError } from "../base/errors.ts";
import { createRng, type Rng } from "../base/random.ts";
import { maximum } from "../base/statistics.ts";
import { cutText, wholeCharacters, type TextSource } from "../text/book-text.ts";
import type { Tokens } from "../text/document.ts";
import { byteTokenizer, type Tokenizer } from "../text/tokenizers/tokenizer.ts";
import type { Exchange } from "./placement.ts";
import type { RecallSample, RecallTask } from "./recall.ts";

/** Windows of a text in the tokens of a model. */
export interface TokenSource {
  readonly tokenizer: Tokenizer;
  /** A window of exactly this many tokens, all places equally likely. */
  readonly tokens: (size: number, rng: Rng) => Tokens;
  /** Maximum tokens of a window. Default: no limit. */
  readonly longest?: number;
}

export interface FitOptions extends TokenSource {
  /** Maximum tokens of the prompt. */
  readonly length: number;
  /** Tokens reserved for the answer; one that needs more takes them from the prompt. Default: as many as it needs. */
  readonly answerRoom?: number;
  readonly rng: Rng;
}

/** A recall prompt and its answer in the tokens of a model. */
export interface FittedRecall extends Exchange, Pick<RecallSample, "references"> {}

/** Tokens of a prompt and of the answer to it. */
export interface RecallSize {
  readonly prompt: number;
  readonly answer: number;
}

/**
 * A prompt of a task of at most `length` tokens, and not much less. Where a token is a byte, it is what the task writes
 * in that many bytes. For other tokenizers the number of bytes is searched, with the same draws at each try: only whole
 * prompts are tried, so whatever a prompt hides is whole. Throws `OptionError` for a length below {@link
 * shortestRecall}.
 */
export function fitRecall(task: RecallTask, options: FitOptions): FittedRecall {
  const { length, answerRoom = Infinity, rng, tokenizer } = options;
  checkRecallLength(task, length, tokenizer);
  const sampleWith = (bytes: number, drawn: Rng, text: TextSource): FittedRecall => {
    const { prompt, answer, references } = task.sample({ bytes, rng: drawn, text });
    return { prompt: tokenizer.encode(prompt), answer: tokenizer.encode(answer), references };
  };
  if (tokenizer === byteTokenizer) return sampleWith(length, rng, textOf(options, rng));
  const spare = ({ prompt, answer }: FittedRecall): number =>
    length - prompt.length - Math.max(0, answer.length - answerRoom);
  for (let tries = 0; tries < MOST_DRAWS; tries++) {
    const draws = rng.integer(2 ** 31);
    const sampleAt = (bytes: number): FittedRecall => {
      const drawn = rng.fork(draws);
      return sampleWith(bytes, drawn, textOf(options, drawn));
    };
    const bare = (): FittedRecall => sampleWith(task.minBytes, rng.fork(draws), NO_TEXT);
    const fitted = fillLength(task, { sampleAt, bare, spare, length });
    if (fitted) return fitted;
  }
  throw new OptionError(`${task.name} did not fit into ${length} tokens in ${MOST_DRAWS} draws`);
}

/** Throws `OptionError` for a length in tokens that is too short for the task. */
export function checkRecallLength(task: RecallTask, length: number, tokenizer: Tokenizer = byteTokenizer): void {
  const { prompt } = shortestRecall(task, tokenizer);
  if (!(length >= prompt)) throw new OptionError(`${task.name} needs at least ${prompt} tokens, got ${length}`);
}

/** Tokens that suffice for the shortest prompt of a task and its longest answer. */
export function shortestRecall(task: RecallTask, tokenizer: Tokenizer = byteTokenizer): RecallSize {
  if (tokenizer === byteTokenizer) return { prompt: task.minBytes, answer: task.answerBytes };
  const known = shortest.get(tokenizer)?.get(task);
  if (known) return known;
  const size = measureShortest(task, tokenizer);
  shortest.set(tokenizer, new Map([...(shortest.get(tokenizer) ?? []), [task, size]]));
  return size;
}

/** The given number of tokens of empty lines. */
export function emptyLines(size: number, tokenizer: Tokenizer): Int32Array {
  const line = tokenizer.encode("\n");
  return Int32Array.from({ length: size }, (_, i) => line[i % line.length] ?? 0);
}

// --- internal ---

const MOST_TRIES = 12;
/** What a task draws may take more tokens than anything that was measured; another draw then takes its place. */
const MOST_DRAWS = 8;
const SHORTEST_DRAWS = 32;
const NO_TEXT: TextSource = () => "";

/** Cached measurements, since they take a while and are needed for every sequence. */
const shortest = new WeakMap<Tokenizer, ReadonlyMap<RecallTask, RecallSize>>();

/** The draws may have missed the longest, so there is a margin. */
function measureShortest(task: RecallTask, { encode }: Tokenizer): RecallSize {
  const samples = Array.from({ length: SHORTEST_DRAWS }, (_, seed) =>
    task.sample({ bytes: task.minBytes, rng: createRng(seed), text: NO_TEXT }),
  );
  const withMargin = (texts: readonly string[]): number =>
    Math.ceil(1.1 * maximum(texts.map((text) => encode(text).length)));
  return {
    prompt: withMargin(samples.map(({ prompt }) => prompt)),
    answer: withMargin(samples.map(({ answer }) => answer)),
  };
}

/** Windows as text. A token of text has two bytes or more, and the excess is cut off. */
function textOf({ tokenizer, tokens, longest = Infinity }: TokenSource, rng: Rng): TextSource {
  if (tokenizer === byteTokenizer) return (bytes) => wholeCharacters(tokenizer.decode(tokens(bytes, rng)));
  return (bytes) => {
    const window = tokens(Math.min(longest, Math.ceil(bytes / 2)), rng);
    return cutText(wholeCharacters(tokenizer.decode(window)), bytes);
  };
}

interface Filling {
  /** The sample in the given number of bytes. */
  readonly sampleAt: (bytes: number) => FittedRecall;
  /** The shortest sample, without any text of a book. */
  readonly bare: () => FittedRecall;
  /** Tokens of the length that a sample leaves unused. */
  readonly spare: (sample: FittedRecall) => number;
  readonly length: number;
}

/** The sample with the fewest tokens to spare, but not below zero, among some sizes in bytes; undefined if none fits. */
function fillLength({ minBytes }: RecallTask, { sampleAt, bare, spare, length }: Filling): FittedRecall | undefined {
  const enough = Math.max(24, length / 128);
  let best = sampleAt(minBytes);
  if (spare(best) < 0) best = bare();
  if (spare(best) < 0) return undefined;
  let [low, high, bytes, left] = [minBytes, Infinity, minBytes, spare(best)];
  for (let tries = 0; tries < MOST_TRIES && spare(best) > enough && high - low > 1; tries++) {
    const guess = Math.round(bytes + ((left - enough / 2) * bytes) / (length - left)); // at the same bytes per token
    const middle = high < Infinity ? Math.floor((low + high) / 2) : 2 * low;
    bytes = guess > low && guess < high ? guess : middle;
    const sample = sampleAt(bytes);
    left = spare(sample);
    if (left < 0) high = bytes;
    else low = bytes;
    if (left >= 0 && left < spare(best)) best = sample;
  }
  return best;
}
