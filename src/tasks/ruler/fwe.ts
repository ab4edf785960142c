import type { Rng } from "../../base/random.ts";
import { drawDistinct, shuffled } from "../draw.ts";
import { checkBytes, type RecallTask } from "../recall.ts";
import { stringMatchAll } from "./metric.ts";

const NAME = "fwe";
const WORD_LETTERS = 6;
const ASKED = 3;
/** The most frequent "word", which the question says to ignore. */
const DOTS = "...";
/** The vocabulary has one word for this many bytes of the prompt. */
const BYTES_PER_WORD = 50;
/** Fewer words than this, and two of the ranks that matter could appear equally often. */
const FEWEST_WORDS = 74;
/** Exponent of the Zipf distribution, and the zeta function at it. */
const [ALPHA, ZETA] = [2, Math.PI ** 2 / 6];

/**
 * RULER's frequent words (NVIDIA/RULER, scripts/data/synthetic/freq_words_extraction.py): the three most frequent
 * words of a text of random words, whose frequencies fall with the square of their rank.
 */
export const fweTask: RecallTask = {
  name: NAME,
  version: 1,
  // Far below the definition's 50 tokens: three words of six letters with spaces, and a full stop.
  answerBytes: ASKED * (WORD_LETTERS + 1) + 1,
  readsText: false,
  minBytes: writePrompt("").length + textLength(rankCounts(FEWEST_WORDS, FEWEST_WORDS)),
  sample({ bytes, rng }) {
    checkBytes(fweTask, bytes);
    const vocabulary = drawDistinct(Math.floor(bytes / BYTES_PER_WORD), () => drawWord(rng));
    const counts = mostWords(bytes - writePrompt("").length, vocabulary.length);
    const ranked = [DOTS, ...vocabulary.slice(1)];
    const words = ranked.flatMap((word, rank) => Array<string>(counts[rank] ?? 0).fill(word));
    const references = ranked.slice(1, 1 + ASKED);
    const prompt = writePrompt(shuffled(words, rng).join(" "));
    return { prompt, references, answer: ` ${references.join(" ")}.` };
  },
  score: stringMatchAll,
};

// --- internal ---

function writePrompt(context: string): string {
  return (
    "Read the following coded text and track the frequency of each coded word. " +
    `Find the three most frequently appeared coded words. ${context}\n` +
    "Question: Do not provide any explanation. Please ignore the dots '....'. " +
    "What are the three most frequently appeared words in the above coded text? " +
    "Answer: According to the coded text above, the three most frequently appeared words are:"
  );
}

function drawWord(rng: Rng): string {
  return Array.from({ length: WORD_LETTERS }, () => String.fromCharCode(97 + rng.integer(26))).join("");
}

/** How often each rank appears among about this many words. */
function rankCounts(words: number, ranks: number): number[] {
  return Array.from({ length: ranks }, (_, i) => Math.floor((words * (i + 1) ** -ALPHA) / ZETA));
}

/** Bytes of a text in which ranks appear this often. */
function textLength([dots = 0, ...words]: readonly number[]): number {
  return dots * (DOTS.length + 1) + words.reduce((sum, count) => sum + count, 0) * (WORD_LETTERS + 1) - 1;
}

/** The counts of the longest text that fits. */
function mostWords(length: number, ranks: number): number[] {
  let [fits, tooMany] = [0, length];
  while (tooMany - fits > 1) {
    const middle = Math.floor((fits + tooMany) / 2);
    if (textLength(rankCounts(middle, ranks)) <= length) fits = middle;
    else tooMany = middle;
  }
  return rankCounts(fits, ranks);
}
