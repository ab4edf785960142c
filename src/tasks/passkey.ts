import { OptionError } from "../base/errors.ts";
import { z } from "zod";
import type { Rng } from "../base/random.ts";
import { encodeText } from "../text/bytes.ts";
import { withDecoys } from "./decoys.ts";
import type { Task } from "./task.ts";
import { placeExchanges } from "./placement.ts";

/** What the key is hidden in: the paper's sentences over and over, or a window of a text. */
export type Haystack = { readonly kind: "garbage" } | { readonly kind: "text"; readonly tokens: Uint8Array };

export interface PasskeyOptions {
  /** Tokens of the whole prompt; a token is a byte. */
  readonly length: number;
  /** Where the key lies in the haystack, from 0, its start, to 1, its end. */
  readonly depth: number;
  readonly haystack: Haystack;
  readonly rng: Rng;
  /** Digits of the key, the first of which is not zero. Default: a key from 1 to 49,999. */
  readonly digits?: number | undefined;
}

export interface PasskeyPrompt {
  readonly tokens: Int32Array;
  /** The digits that the prompt asks for. */
  readonly answer: string;
  /** Index of the token at which the sentence with the key begins. */
  readonly keyPosition: number;
}

/* The prompt of arXiv 2404.07143, appendix B; cut and joined as in the generator it comes from (landmark attention). */
/** What the prompt begins with: without it a model that was trained on such prompts does not know what to look for. */
export const PASSKEY_TASK =
  "There is an important info hidden inside a lot of irrelevant text. Find it and memorize them. " +
  "I will quiz you about the important information there.";
const GARBAGE = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again.";
export const PASSKEY_QUESTION = "What is the pass key? The pass key is";
const KEY_LIMIT = 50_000;
const KEY_LIMIT_DIGITS = 5;

/** The sentence that hides a key. */
export function passkeySentence(key: string): string {
  return `The pass key is ${key}. Remember it. ${key} is the pass key.`;
}

/** What a model should write after the question: the key and a full stop, so that it learns to end too. */
export function passkeyAnswer(key: string): string {
  return ` ${key}.`;
}

/** A key of so many digits, or as in the landmark generator: a whole number from 1 to 49,999. */
export function drawPasskey(rng: Rng, digits?: number): string {
  if (digits === undefined) return String(1 + rng.integer(KEY_LIMIT - 1));
  return Array.from({ length: digits }, (_, i) => (i === 0 ? 1 + rng.integer(9) : rng.integer(10))).join("");
}

/** Tokens of the shortest prompt that has room for any key of so many digits: one without a haystack. */
export function shortestPasskeyPrompt(digits: number = KEY_LIMIT_DIGITS): number {
  return [PASSKEY_TASK, "", passkeySentence("0".repeat(digits)), "", PASSKEY_QUESTION].join("\n").length;
}

/** What a prompt is made of, when nothing is left to chance. */
export interface PasskeyLayout {
  /** Tokens of the whole prompt; a token is a byte. */
  readonly length: number;
  /** Digits of the key. */
  readonly key: string;
  readonly haystack: Haystack;
  /** Where in a text the haystack begins; the text goes round and round. Garbage always begins at its start. */
  readonly textStart: number;
  /** Tokens of the haystack before the sentence with the key, of {@link passkeyHaystackLength}. */
  readonly before: number;
}

/**
 * A prompt of exactly `length` tokens, in five parts joined by newlines: the task, the haystack before the
 * key, the sentence with the key, the haystack after it, the question. Throws `OptionError` when `length` is
 * below {@link shortestPasskeyPrompt}, the depth is not within 0..1 or the text to hide in is empty.
 */
export function passkeyPrompt(options: PasskeyOptions): PasskeyPrompt {
  checkPasskeyOptions(options);
  const { length, depth, haystack, rng, digits } = options;
  const key = drawPasskey(rng, digits);
  const before = Math.round(depth * passkeyHaystackLength(length, key));
  const textStart = drawTextStart(haystack, rng);
  const bytes = layPasskeyPrompt({ length, key, haystack, textStart, before });
  return { tokens: Int32Array.from(bytes), answer: key, keyPosition: TASK_LINE.length + before + 1 };
}

/** Throws `OptionError` for what no prompt can be made of; see {@link passkeyPrompt}. */
export function checkPasskeyOptions({ length, depth, haystack, digits }: Omit<PasskeyOptions, "rng">): void {
  checkLength(length, digits);
  if (!(depth >= 0 && depth <= 1)) throw new OptionError(`the depth of a pass key lies within 0..1, got ${depth}`);
  if (haystack.kind === "text" && haystack.tokens.length === 0)
    throw new OptionError("the text to hide a pass key in is empty");
}

/** The tokens of the prompt of a layout; see {@link passkeyPrompt}. */
export function layPasskeyPrompt({ length, key, haystack, textStart, before }: PasskeyLayout): Uint8Array {
  const sentence = keyLine(key);
  const [keyStart, tailStart] = [TASK_LINE.length + before, length - QUESTION_LINE.length];
  const tokens = new Uint8Array(length);
  tokens.set(TASK_LINE);
  fillFrom(tokens.subarray(TASK_LINE.length, keyStart), haystack, textStart);
  tokens.set(sentence, keyStart);
  // A text goes on where it was cut; garbage starts again, as in the generator.
  fillFrom(tokens.subarray(keyStart + sentence.length, tailStart), haystack, textStart + before);
  tokens.set(QUESTION_LINE, tailStart);
  return tokens;
}

/** Tokens of the haystack in a prompt of a length with a key. */
export function passkeyHaystackLength(length: number, key: string): number {
  return length - TASK_LINE.length - keyLine(key).length - QUESTION_LINE.length;
}

/** Where in a text a haystack begins: every place as likely as any other; 0 for garbage, without a draw. */
export function drawTextStart(haystack: Haystack, rng: Rng): number {
  return haystack.kind === "text" ? rng.integer(haystack.tokens.length) : 0;
}

/** How well a continuation answers. */
export interface PasskeyScore {
  /** Share of the digits of the key that stand in their place, as the paper counts. */
  readonly tokenAccuracy: number;
  /** Whether the first number in the answer is the key. */
  readonly exactMatch: boolean;
}

/** Scores a continuation by the first run of digits in it; what stands around it does not count. */
export function scorePasskey(key: string, answer: string): PasskeyScore {
  const given = answer.match(/\d+/)?.[0] ?? "";
  const right = [...key].filter((digit, i) => given[i] === digit).length;
  return { tokenAccuracy: right / key.length, exactMatch: given === key };
}

const weight = z.number().nonnegative();
const schema = z.strictObject({
  task: z.literal("passkey"),
  share: weight,
  /** `mixed`: one half garbage, one half text. */
  haystack: z.enum(["garbage", "text", "mixed"]).default("mixed"),
  /** Loss weight of the answer. */
  answerWeight: weight.default(1),
  /** Loss weight of every other token. */
  textWeight: weight.default(1),
  /** Shortest prompt; shorter ones than the sequence follow on running text. Default: the whole sequence. */
  minLength: z.int().positive().optional(),
  /**
   * Most tokens that follow on the answer, as far as there is room; how many is drawn anew for each sequence.
   * Without them question and answer would lie at the same place of a segment every time.
   */
  maxTrailing: z.int().nonnegative().default(64),
  /** Digits of the key. Default: a key from 1 to 49,999. */
  digits: z.int().positive().optional(),
  /** Most numbers that are scattered over a text of a sequence's length, of which none is the key. Default: 0. */
  decoys: z.int().nonnegative().optional(),
});

/** Trains the memory to keep a key; the prompt and its answer stand at the end of the sequence. */
export const passkeyTask: Task<typeof schema> = {
  schema,
  readsText: ({ haystack }) => haystack !== "garbage",

  draw(part, { length, rng, window }) {
    const { digits, minLength = length, maxTrailing, decoys = 0 } = part;
    const useText = part.haystack === "text" || (part.haystack === "mixed" && rng.uniform() < 0.5);
    const text = (): Uint8Array => (decoys > 0 ? withDecoys(window(length + 1), decoys, rng) : window(length + 1));
    const haystack: Haystack = useText ? { kind: "text", tokens: text() } : { kind: "garbage" };
    const filler = (size: number): Uint8Array =>
      useText && size > 0 ? window(size) : new Uint8Array(size).fill(NEWLINE);
    // Drawn before the key is known, so it leaves room for the longest answer.
    const room = length + 1 - passkeyAnswer("0".repeat(digits ?? KEY_LIMIT_DIGITS)).length;
    checkLength(Math.min(minLength, room), digits);
    const trailing = rng.integer(Math.min(maxTrailing, room - shortestPasskeyPrompt(digits)) + 1);
    const longest = room - trailing;
    const promptLength = longest - rng.integer(longest - Math.min(minLength, longest) + 1);
    const prompt = passkeyPrompt({ length: promptLength, depth: rng.uniform(), haystack, rng, digits });
    const { answerWeight, textWeight } = part;
    const exchange = { prompt: prompt.tokens, answer: encodeText(passkeyAnswer(prompt.answer)) };
    return placeExchanges([exchange], { length, trailing, filler, answerWeight, textWeight });
  },
};

// --- internal ---

function checkLength(length: number, digits?: number): void {
  const minimum = shortestPasskeyPrompt(digits);
  if (!(length >= minimum)) throw new OptionError(`a pass key prompt needs at least ${minimum} tokens, got ${length}`);
}

/** Fills a stretch of a prompt: with a text from a place on, round and round, or with garbage from its start. */
function fillFrom(target: Uint8Array, haystack: Haystack, textStart: number): void {
  const source = haystack.kind === "text" ? haystack.tokens : GARBAGE_LINE;
  let at = haystack.kind === "text" ? textStart % source.length : 0;
  for (let done = 0; done < target.length;) {
    const part = source.subarray(at, at + target.length - done);
    target.set(part, done);
    done += part.length;
    at = 0;
  }
}

function keyLine(key: string): Uint8Array {
  return bytesOfText(`\n${passkeySentence(key)}\n`);
}

function bytesOfText(text: string): Uint8Array {
  return Uint8Array.from(encodeText(text));
}

const NEWLINE = 10;
const TASK_LINE = bytesOfText(`${PASSKEY_TASK}\n`);
const QUESTION_LINE = bytesOfText(`\n${PASSKEY_QUESTION}`);
const GARBAGE_LINE = bytesOfText(`${GARBAGE} `);
