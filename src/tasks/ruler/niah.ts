import type { Rng } from "../../base/random.ts";
import { bookWords, splitSentences } from "../../text/book-text.ts";
import { drawDistinct, drawPlaces, pick, shuffled } from "../draw.ts";
import { checkBytes, type RecallTask, type SampleOptions } from "../recall.ts";
import { stringMatchAll } from "./metric.ts";
import { hideInNoise, insertLines, NOISE } from "./noise.ts";
import { ADJECTIVES, LONGEST_PAIR, NOUNS } from "./words.ts";

type Kind = "words" | "numbers" | "uuids";

/** A needle-in-a-haystack task as in RULER's `scripts/synthetic.yaml`. */
interface NeedleTask {
  readonly haystack: "noise" | "essay" | "needle";
  readonly keys: Kind;
  readonly values: Kind;
  /** Different keys in the text. Default: `queries`. */
  readonly keyCount?: number;
  /** Values of each key. Default 1. */
  readonly valueCount?: number;
  /** Keys that are asked for. Default 1. */
  readonly queries?: number;
}

/** Bytes of the longest value of a kind. */
const LONGEST: Readonly<Record<Kind, number>> = { words: LONGEST_PAIR, numbers: 7, uuids: 36 };
/** Depths in percent: 40 from 0 to 100. */
const DEPTHS = Array.from({ length: 40 }, (_, i) => Math.round((100 * i) / 39));

/**
 * RULER's eight needle-in-a-haystack tasks (NVIDIA/RULER, scripts/data/synthetic/niah.py). Two things differ: the
 * essays are a window of a book, a new one for each prompt, and word keys are pairs of {@link ADJECTIVES} and
 * {@link NOUNS}. There are fewer such pairs than in the original, so a distractor never has a hidden key.
 */
export const niahTasks: readonly RecallTask[] = [
  niahTask("niah_single_1", { haystack: "noise", keys: "words", values: "numbers" }),
  niahTask("niah_single_2", { haystack: "essay", keys: "words", values: "numbers" }),
  niahTask("niah_single_3", { haystack: "essay", keys: "words", values: "uuids" }),
  niahTask("niah_multikey_1", { haystack: "essay", keys: "words", values: "numbers", keyCount: 4 }),
  niahTask("niah_multikey_2", { haystack: "needle", keys: "words", values: "numbers" }),
  niahTask("niah_multikey_3", { haystack: "needle", keys: "uuids", values: "uuids" }),
  niahTask("niah_multivalue", { haystack: "essay", keys: "words", values: "numbers", valueCount: 4 }),
  niahTask("niah_multiquery", { haystack: "essay", keys: "words", values: "numbers", queries: 4 }),
];

// --- internal ---

interface Needle {
  readonly key: string;
  readonly value: string;
}

function niahTask(name: string, task: NeedleTask): RecallTask {
  const { haystack, keys: keyKind, values: valueKind, valueCount = 1, queries = 1 } = task;
  const keyCount = Math.max(task.keyCount ?? 1, queries);
  const answers = queries * valueCount;
  const write = (needle: Needle): string => needleSentence(valueKind, needle);
  const draw = (kind: Kind, rng: Rng): string => DRAW[kind](rng);
  const frame = (asked: readonly string[]): readonly [string, string] => promptFrame(valueKind, asked, answers);
  const minBytes = shortestPrompt(task, keyCount * valueCount, frame);
  return {
    name,
    version: 1,
    // Far below the definition's 128 tokens: a space, the values with commas between them, a full stop.
    answerBytes: answers * (LONGEST[valueKind] + 2),
    readsText: haystack === "essay",
    minBytes,
    sample({ bytes, rng, text }) {
      checkBytes({ name, minBytes }, bytes);
      const keys = drawDistinct(keyCount, () => draw(keyKind, rng));
      const needles = shuffled(
        keys.flatMap((key) => Array.from({ length: valueCount }, () => ({ key, value: draw(valueKind, rng) }))),
        rng,
      );
      const asked = shuffled(keys, rng).slice(0, queries);
      // The values of a key in the order of the text, so that the answer can be predicted.
      const references = asked.flatMap((key) =>
        needles.filter((needle) => needle.key === key).map(({ value }) => value),
      );
      const [head, tail] = frame(asked);
      const distractor = (): string =>
        write({ key: drawUnlike(keys, () => draw(keyKind, rng)), value: draw(valueKind, rng) });
      const room = { bytes: bytes - head.length - tail.length, rng, text };
      const context = hide(haystack, needles.map(write), room, distractor);
      return { prompt: head + context + tail, references, answer: ` ${references.join(", ")}.` };
    },
    score: stringMatchAll,
  };
}

/** What comes before and after the haystack; for one answer, everything in the singular. */
function promptFrame(kind: Kind, asked: readonly string[], answers: number): readonly [string, string] {
  const [some, are, areAll, type] =
    answers === 1 ? ["A", "is", "is", kind.slice(0, -1)] : ["Some", "are", "are all", kind];
  const query = asked.length > 1 ? `${asked.slice(0, -1).join(", ")}, and ${asked.at(-1) ?? ""}` : asked.join(", ");
  return [
    `${some} special magic ${type} ${are} hidden within the following text. Make sure to memorize it. ` +
      `I will quiz you about the ${type} afterwards.\n`,
    `\nWhat ${areAll} the special magic ${type} for ${query} mentioned in the provided text?` +
      ` The special magic ${type} for ${query} mentioned in the provided text ${are}`,
  ];
}

function needleSentence(kind: Kind, { key, value }: Needle): string {
  return `One of the special magic ${kind} for ${key} is: ${value}.`;
}

/** Room for the longest needles, and for a haystack with a place for each. */
function shortestPrompt(
  { haystack, keys, values, queries = 1 }: NeedleTask,
  needles: number,
  frame: (asked: readonly string[]) => readonly [string, string],
): number {
  const key = "k".repeat(LONGEST[keys]);
  const needle = needleSentence(values, { key, value: "v".repeat(LONGEST[values]) }).length;
  const straw = { noise: NOISE.length + 1, needle: needle + 1, essay: 1 }[haystack];
  const [head, tail] = frame(Array<string>(queries).fill(key));
  return head.length + tail.length + needles * (needle + 1 + straw);
}

function hide(
  haystack: NeedleTask["haystack"],
  needles: readonly string[],
  { bytes, rng, text }: SampleOptions,
  distractor: () => string,
): string {
  const places = (lines: number): number[] => drawPlaces(lines, needles.length, rng);
  if (haystack === "noise") return hideInNoise(needles, bytes, places);
  const taken = needles.reduce((sum, needle) => sum + needle.length + 1, 0);
  if (haystack === "essay") return hideInEssay(needles, bookWords(text, bytes - taken - needles.length), rng);
  const lines: string[] = [];
  for (let left = bytes + 1 - taken, line = distractor(); line.length < left; line = distractor()) {
    lines.push(line);
    left -= line.length + 1;
  }
  return insertLines(lines, needles, places(lines.length)).join("\n");
}

/** Needles between the sentences, each at its own depth; empty parts leave two spaces, as in the original. */
function hideInEssay(needles: readonly string[], essay: string, rng: Rng): string {
  const sentences = splitSentences(essay);
  const depths = shuffled(DEPTHS, rng)
    .slice(0, needles.length)
    .toSorted((a, b) => a - b);
  const places = [0, ...depths.map((depth) => Math.floor(sentences.length * (depth / 100))), sentences.length];
  return places
    .slice(1)
    .flatMap((place, i) => [sentences.slice(places[i], place).join(" "), ...needles.slice(i, i + 1)])
    .join(" ");
}

const DRAW: Readonly<Record<Kind, (rng: Rng) => string>> = {
  words: (rng) => `${pick(ADJECTIVES, rng)}-${pick(NOUNS, rng)}`,
  numbers: (rng) => String(1_000_000 + rng.integer(9_000_000)),
  uuids: drawUuid,
};

/** A random UUID of version 4: 122 random bits, a 4 and one of 8, 9, a, b. */
function drawUuid(rng: Rng): string {
  const digits = (count: number): string => Array.from({ length: count }, () => rng.integer(16).toString(16)).join("");
  return `${digits(8)}-${digits(4)}-4${digits(3)}-${(8 + rng.integer(4)).toString(16)}${digits(3)}-${digits(12)}`;
}

/** Draws until the result is not in `taken`. */
function drawUnlike(taken: readonly string[], draw: () => string): string {
  for (;;) {
    const drawn = draw();
    if (!taken.includes(drawn)) return drawn;
  }
}
