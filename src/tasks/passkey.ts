import { OptionError } from "../base/errors.ts";
import { z } from "zod";
import type { Rng } from "../base/random.ts";
import type { Tokens } from "../text/document.ts";
import { byteTokenizer, type Tokenizer } from "../text/tokenizers/tokenizer.ts";
import { withDecoys } from "./decoys.ts";
import { emptyLines } from "./fit.ts";
import type { Task } from "./task.ts";
import { placeExchanges } from "./placement.ts";

/** What the key is hidden in: the paper's sentences, repeated, or a window of a text, in tokens of the model. */
export type Haystack = { readonly kind: "garbage" } | { readonly kind: "text"; readonly tokens: Tokens };

export interface PasskeyOptions {
  /** Tokens of the whole prompt. */
  readonly length: number;
  /** Where the key lies in the haystack, from 0, its start, to 1, its end. */
  readonly depth: number;
  readonly haystack: Haystack;
  readonly rng: Rng;
  /** Digits of the key, the first of which is not zero. Default: a key from 1 to 49,999. */
  readonly digits?: number | undefined;
  /** Default: that of bytes. */
  readonly tokenizer?: Tokenizer;
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

/** What a model should write after the question: the key and a full stop, so that it also learns to stop. */
export function passkeyAnswer(key: string): string {
  return ` ${key}.`;
}

/** A key of the given number of digits, or as in the landmark generator: a whole number from 1 to 49,999. */
export function drawPasskey(rng: Rng, digits?: number): string {
  if (digits === undefined) return String(1 + rng.integer(KEY_LIMIT - 1));
  return Array.from({ length: digits }, (_, i) => (i === 0 ? 1 + rng.integer(9) : rng.integer(10))).join("");
}

/** Tokens of the shortest prompt that has room for any key of the given number of digits: one without a haystack. */
export function shortestPasskeyPrompt(digits: number = KEY_LIMIT_DIGITS, tokenizer: Tokenizer = byteTokenizer): number {
  const { before, after } = promptFrame(tokenizer);
  return before.length + longestWithKey((key) => keyLine(key, tokenizer), 2, digits) + after.length;
}

/** The parts of a prompt, with nothing left to chance. */
export interface PasskeyLayout {
  /** Tokens of the whole prompt. */
  readonly length: number;
  /** Digits of the key. */
  readonly key: string;
  /** Default: that of bytes. */
  readonly tokenizer?: Tokenizer;
  readonly haystack: Haystack;
  /** Where in a text the haystack begins; the text repeats. Garbage always begins at its start. */
  readonly textStart: number;
  /** Tokens of the haystack before the sentence with the key, of {@link passkeyHaystackLength}. */
  readonly before: number;
}

/**
 * A prompt of exactly `length` tokens, in five parts joined by newlines: the task, the haystack before the key, the
 * sentence with the key, the haystack after it, the question. Each part is tokenized separately, so the sentence with
 * the key has the same tokens wherever it is, and only the haystack is cut. Throws `OptionError` when `length` is below
 * {@link shortestPasskeyPrompt}, the depth is not within 0..1 or the text to hide in is empty.
 */
export function passkeyPrompt(options: PasskeyOptions): PasskeyPrompt {
  checkPasskeyOptions(options);
  const { length, depth, haystack, rng, digits, tokenizer = byteTokenizer } = options;
  const key = drawPasskey(rng, digits);
  const before = Math.round(depth * passkeyHaystackLength(length, key, tokenizer));
  const textStart = drawTextStart(haystack, rng);
  const tokens = layPasskeyPrompt({ length, key, haystack, textStart, before, tokenizer });
  const keyPosition = promptFrame(tokenizer).before.length + before + tokenizer.encode("\n").length;
  return { tokens: Int32Array.from(tokens), answer: key, keyPosition };
}

/** Throws `OptionError` where no prompt is possible; see {@link passkeyPrompt}. */
export function checkPasskeyOptions({ length, depth, haystack, digits, tokenizer }: Omit<PasskeyOptions, "rng">): void {
  checkLength(length, digits, tokenizer);
  if (!(depth >= 0 && depth <= 1)) throw new OptionError(`the depth of a pass key must be within 0..1, got ${depth}`);
  if (haystack.kind === "text" && haystack.tokens.length === 0)
    throw new OptionError("the text to hide a pass key in is empty");
}

/** The tokens of the prompt of a layout; see {@link passkeyPrompt}. */
export function layPasskeyPrompt(layout: PasskeyLayout): Tokens {
  const { length, key, haystack, textStart, before, tokenizer = byteTokenizer } = layout;
  const frame = promptFrame(tokenizer);
  const sentence = keyLine(key, tokenizer);
  const [keyStart, tailStart] = [frame.before.length + before, length - frame.after.length];
  const tokens = tokenizer === byteTokenizer ? new Uint8Array(length) : new Int32Array(length);
  tokens.set(frame.before);
  fillFrom(tokens.subarray(frame.before.length, keyStart), haystack, textStart, tokenizer);
  tokens.set(sentence, keyStart);
  // A text continues where it was cut; garbage starts again, as in the generator.
  fillFrom(tokens.subarray(keyStart + sentence.length, tailStart), haystack, textStart + before, tokenizer);
  tokens.set(frame.after, tailStart);
  return tokens;
}

/** Tokens of the haystack in a prompt of a length with a key. */
export function passkeyHaystackLength(length: number, key: string, tokenizer: Tokenizer = byteTokenizer): number {
  const { before, after } = promptFrame(tokenizer);
  return length - before.length - keyLine(key, tokenizer).length - after.length;
}

/** Where in a text a haystack begins: all places equally likely; 0 for garbage, without a draw. */
export function drawTextStart(haystack: Haystack, rng: Rng): number {
  return haystack.kind === "text" ? rng.integer(haystack.tokens.length) : 0;
}

/** How well a continuation answers the question. */
export interface PasskeyScore {
  /** Share of the digits of the key in the right place, as the paper counts. */
  readonly tokenAccuracy: number;
  /** Whether the first number in the answer is the key. */
  readonly exactMatch: boolean;
}

/** Scores a continuation by the first run of digits in it; anything around it does not count. */
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
  /** Shortest prompt; prompts shorter than the sequence follow running text. Default: the whole sequence. */
  minLength: z.int().positive().optional(),
  /**
   * Maximum tokens after the answer, as far as there is room; the number is drawn for each sequence. Without them
   * question and answer would be at the same place of a segment every time.
   */
  maxTrailing: z.int().nonnegative().default(64),
  /** Digits of the key. Default: a key from 1 to 49,999. */
  digits: z.int().positive().optional(),
  /** Maximum count of numbers scattered over a text of a sequence's length, none of which is the key. Default: 0. */
  decoys: z.int().nonnegative().optional(),
});

/** Trains the memory to keep a key; the prompt and its answer stand at the end of the sequence. */
export const passkeyTask: Task<typeof schema> = {
  schema,
  readsText: ({ haystack }) => haystack !== "garbage",
  writesText: true,

  draw(part, { length, rng, tokenizer, tokens }) {
    const { digits, minLength = length, maxTrailing, decoys = 0 } = part;
    const useText = part.haystack === "text" || (part.haystack === "mixed" && rng.uniform() < 0.5);
    const window = (size: number): Tokens => tokens(size, rng);
    const text = (): Tokens =>
      decoys > 0 ? withDecoys(window(length + 1), decoys, rng, tokenizer) : window(length + 1);
    const haystack: Haystack = useText ? { kind: "text", tokens: text() } : { kind: "garbage" };
    const filler = (size: number): Tokens => (useText && size > 0 ? window(size) : emptyLines(size, tokenizer));
    // Drawn before the key is known, so it leaves room for the longest answer.
    const answer = (key: string): Int32Array => tokenizer.encode(passkeyAnswer(key));
    const room = length + 1 - longestWithKey(answer, 1, digits);
    checkLength(Math.min(minLength, room), digits, tokenizer);
    const trailing = rng.integer(Math.min(maxTrailing, room - shortestPasskeyPrompt(digits, tokenizer)) + 1);
    const longest = room - trailing;
    const promptLength = longest - rng.integer(longest - Math.min(minLength, longest) + 1);
    const prompt = passkeyPrompt({ length: promptLength, depth: rng.uniform(), haystack, rng, digits, tokenizer });
    const { answerWeight, textWeight } = part;
    const exchange = { prompt: prompt.tokens, answer: answer(prompt.answer) };
    return placeExchanges([exchange], { length, trailing, filler, answerWeight, textWeight });
  },
};

// --- internal ---

function checkLength(length: number, digits?: number, tokenizer?: Tokenizer): void {
  const minimum = shortestPasskeyPrompt(digits, tokenizer);
  if (!(length >= minimum)) throw new OptionError(`a pass key prompt needs at least ${minimum} tokens, got ${length}`);
}

/** Fills a stretch of a prompt: with a text from a place on, repeated, or with garbage from its start. */
function fillFrom(target: Tokens, haystack: Haystack, textStart: number, tokenizer: Tokenizer): void {
  const { once, again } =
    haystack.kind === "text"
      ? { once: haystack.tokens.subarray(textStart % haystack.tokens.length), again: haystack.tokens }
      : { once: tokenizer.encode(GARBAGE), again: tokenizer.encode(` ${GARBAGE}`) };
  for (let done = 0, part = once; done < target.length; part = again) {
    target.set(part.subarray(0, target.length - done), done);
    done += part.length;
  }
}

/** What comes before the haystack, and after it. */
function promptFrame({ encode }: Tokenizer): { readonly before: Int32Array; readonly after: Int32Array } {
  return { before: encode(`${PASSKEY_TASK}\n`), after: encode(`\n${PASSKEY_QUESTION}`) };
}

function keyLine(key: string, { encode }: Tokenizer): Int32Array {
  return encode(`\n${passkeySentence(key)}\n`);
}

/**
 * Tokens that suffice for what is written with any key of the given number of digits, each of which takes at most one.
 */
function longestWithKey(write: (key: string) => Int32Array, times: number, digits: number = KEY_LIMIT_DIGITS): number {
  return write("0").length + times * (digits - 1);
}
