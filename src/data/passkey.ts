import type { Rng } from "../random.ts";
import { encodeText } from "./bytes.ts";

/** What the key is hidden in: the paper's sentences over and over, or a window of a text. */
export type Haystack = { readonly kind: "garbage" } | { readonly kind: "text"; readonly tokens: Uint8Array };

export interface PasskeyOptions {
  /** Tokens of the whole prompt; a token is a byte. */
  readonly length: number;
  /** Where the key lies in the haystack, from 0, its start, to 1, its end. */
  readonly depth: number;
  readonly haystack: Haystack;
  readonly rng: Rng;
}

export interface PasskeyPrompt {
  readonly tokens: Int32Array;
  /** The digits that the prompt asks for. */
  readonly answer: string;
  /** Index of the token at which the sentence with the key begins. */
  readonly keyPosition: number;
}

/* The prompt of arXiv 2404.07143, appendix B; cut and joined as in the generator it comes from (landmark attention). */
const TASK =
  "There is an important info hidden inside a lot of irrelevant text. Find it and memorize them. " +
  "I will quiz you about the important information there.";
const GARBAGE =
  "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again.";
export const PASSKEY_QUESTION = "What is the pass key? The pass key is";
const KEY_LIMIT = 50_000;

/** The sentence that hides a key. */
export function passkeySentence(key: string): string {
  return `The pass key is ${key}. Remember it. ${key} is the pass key.`;
}

/** What a model should write after the question: the key and a full stop, so that it learns to end too. */
export function passkeyAnswer(key: string): string {
  return ` ${key}.`;
}

/** A key as in the landmark generator: a whole number from 1 to 49,999. */
export function drawPasskey(rng: Rng): string {
  return String(1 + rng.integer(KEY_LIMIT - 1));
}

/** A prompt of exactly `length` tokens. Throws `RangeError` when that is too short for the fixed sentences. */
export function passkeyPrompt({ length, depth, haystack, rng }: PasskeyOptions): PasskeyPrompt {
  const answer = drawPasskey(rng);
  const [head, info, tail] = [`${TASK}\n`, `\n${passkeySentence(answer)}\n`, `\n${PASSKEY_QUESTION}`].map(encodeText) as [
    Int32Array, Int32Array, Int32Array,
  ];
  const fillerLength = length - head.length - info.length - tail.length;
  if (fillerLength < 0) throw new RangeError(`a pass key prompt needs at least ${length - fillerLength} tokens, got ${length}`);
  const filler = takeFiller(haystack, fillerLength, rng);
  const split = Math.round(depth * fillerLength);
  const tokens = new Int32Array(length);
  tokens.set(head);
  tokens.set(filler.subarray(0, split), head.length);
  tokens.set(info, head.length + split);
  tokens.set(filler.subarray(split), head.length + split + info.length);
  tokens.set(tail, length - tail.length);
  return { tokens, answer, keyPosition: head.length + split + 1 };
}

/** How well a continuation answers. */
export interface PasskeyScore {
  /** Share of the digits of the key that stand in their place, as the paper counts. */
  readonly tokenAccuracy: number;
  /** Whether the first number in the answer is the key. */
  readonly exactMatch: boolean;
}

export function scorePasskey(key: string, answer: string): PasskeyScore {
  const given = answer.match(/\d+/)?.[0] ?? "";
  const right = [...key].filter((digit, i) => given[i] === digit).length;
  return { tokenAccuracy: right / key.length, exactMatch: given === key };
}

// --- internal ---

function takeFiller(haystack: Haystack, length: number, rng: Rng): Int32Array {
  const source = haystack.kind === "garbage" ? GARBAGE_TOKENS : haystack.tokens;
  const start = haystack.kind === "garbage" ? 0 : rng.integer(source.length);
  return Int32Array.from({ length }, (_, i) => source[(start + i) % source.length] ?? 0);
}

const GARBAGE_TOKENS = encodeText(`${GARBAGE} `);
