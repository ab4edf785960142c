import type { Rng } from "../../base/random.ts";
import { drawDistinct, pick, shuffled } from "../draw.ts";
import { checkBytes, type RecallTask } from "../recall.ts";
import { stringMatchAll } from "./metric.ts";
import { ADJECTIVES, LONGEST_PAIR, LONGEST_WORD, NOUNS } from "./words.ts";

/** How often common words and all others appear in a list. */
interface Repeats {
  readonly common: number;
  readonly other: number;
}

interface Regime {
  readonly repeats: Repeats;
  readonly exampleWords: number;
  readonly exampleRepeats: Repeats;
}

const NAME = "cwe";
const COMMON_WORDS = 10;
/** Prompts below 4,096 tokens, at four bytes a token, have fewer repeats. */
const LONG_PROMPT = 4 * 4096;
const SHORT: Regime = {
  repeats: { common: 6, other: 1 },
  exampleWords: 20,
  exampleRepeats: { common: 3, other: 1 },
};
const LONG: Regime = {
  repeats: { common: 30, other: 3 },
  exampleWords: 40,
  exampleRepeats: { common: 10, other: 3 },
};

/**
 * RULER's common words (NVIDIA/RULER, scripts/data/synthetic/common_words_extraction.py): which ten words of a
 * numbered list appear most often, after one solved example. Words are {@link ADJECTIVES} and {@link NOUNS}, and
 * where a list needs more than these, pairs of them, in place of the original's second, longer word list. Answers
 * name words in the order in which they first appear, so that they can be predicted; the original has no order.
 */
export const cweTask: RecallTask = {
  name: NAME,
  version: 1,
  // Below the definition's 120 tokens at four bytes: ten numbered words, and a newline as after the example.
  answerBytes: writeAnswer(Array<string>(COMMON_WORDS).fill("w".repeat(LONGEST_PAIR))).length,
  readsText: false,
  minBytes: shortestPrompt(SHORT),
  sample({ bytes, rng }) {
    checkBytes(cweTask, bytes);
    const { repeats, exampleWords, exampleRepeats } = bytes < LONG_PROMPT ? SHORT : LONG;
    const example = listOf(shuffled(WORDS, rng).slice(0, exampleWords), exampleRepeats, rng);
    const solved = writePrompt(example.list) + writeAnswer(example.common);
    const room = bytes - solved.length - writePrompt([]).length;
    const single = fittingWords(shuffled(WORDS, rng), repeats, room);
    const words = single.length < WORDS.length ? single : fittingWords(drawPairs(room, rng), repeats, room);
    const { list, common } = listOf(words, repeats, rng);
    return { prompt: solved + writePrompt(list), references: common, answer: writeAnswer(common) };
  },
  score: stringMatchAll,
};

// --- internal ---

const WORDS = [...ADJECTIVES, ...NOUNS];
/** Half of all pairs, so that different ones are found quickly; their list takes a million bytes. */
const MOST_PAIRS = Math.floor((ADJECTIVES.length * NOUNS.length) / 2);
/** An entry of a list takes more bytes than this. */
const SHORTEST_ENTRY = 8;

function writePrompt(list: readonly string[]): string {
  return (
    "Below is a numbered list of words. In these words, some appear more often than others. " +
    `Memorize the ones that appear most often.\n${numbered(list)}\n` +
    `Question: What are the ${COMMON_WORDS} most common words in the above list? ` +
    `Answer: The top ${COMMON_WORDS} words that appear most often in the list are:`
  );
}

function writeAnswer(words: readonly string[]): string {
  return ` ${numbered(words)}\n`;
}

function numbered(words: readonly string[]): string {
  return words.map((word, i) => `${i + 1}. ${word}`).join(" ");
}

/** A list of words, the first ten of which are the common ones. */
function listOf(words: readonly string[], repeats: Repeats, rng: Rng): { list: string[]; common: string[] } {
  const common = new Set(words.slice(0, COMMON_WORDS));
  const list = shuffled(
    words.flatMap((word) => Array<string>(common.has(word) ? repeats.common : repeats.other).fill(word)),
    rng,
  );
  return { list, common: [...new Set(list)].filter((word) => common.has(word)) };
}

/** The first words, as many as fit into a list of `room` bytes. */
function fittingWords(words: readonly string[], { common, other }: Repeats, room: number): readonly string[] {
  let [entries, left] = [0, room];
  for (const [i, word] of words.entries()) {
    const repeats = i < COMMON_WORDS ? common : other;
    for (let j = 0; j < repeats; j++) left -= `${(entries += 1)}. ${word} `.length;
    if (left < -1) return words.slice(0, i); // the last entry has no space after it
  }
  return words;
}

/** More different pairs of an adjective and a noun than fit into `room` bytes, if there are that many. */
function drawPairs(room: number, rng: Rng): string[] {
  const count = Math.min(MOST_PAIRS, Math.ceil(room / SHORTEST_ENTRY));
  return drawDistinct(count, () => `${pick(ADJECTIVES, rng)}-${pick(NOUNS, rng)}`);
}

/** Room for the longest words: the example, and the common words without any other. */
function shortestPrompt({ repeats, exampleWords, exampleRepeats }: Regime): number {
  const list = (common: number, others: number): string[] =>
    Array<string>(COMMON_WORDS * common + others).fill("w".repeat(LONGEST_WORD));
  const answer = writeAnswer(list(1, 0));
  const example = list(exampleRepeats.common, (exampleWords - COMMON_WORDS) * exampleRepeats.other);
  return (writePrompt(example) + answer + writePrompt(list(repeats.common, 0))).length;
}
