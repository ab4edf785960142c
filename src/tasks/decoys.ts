import type { Rng } from "../base/random.ts";
import type { Tokens } from "../text/document.ts";
import { byteTokenizer, type Tokenizer } from "../text/tokenizers/tokenizer.ts";
import { pick } from "./draw.ts";

/* Numbers like those in books: chapters, pages, years, sums. */
const BEFORE = [
  "\n",
  "\n\n",
  " ",
  " (",
  ", ",
  "\nCHAPTER ",
  "\nChapter ",
  " No. ",
  " p. ",
  " vol. ",
  " in ",
  " of ",
  " $",
  " the ",
];
const AFTER = [" ", "\n", "\n\n", ". ", ", ", ") ", "; ", ".\n", ": "];
const MOST_DIGITS = 5;

/**
 * A copy of a text with numbers written over it at random places, at most `most`; how many is random too. They teach a
 * model that must keep one number to ignore others.
 */
export function withDecoys<T extends Tokens>(
  text: T,
  most: number,
  rng: Rng,
  { encode }: Tokenizer = byteTokenizer,
): T {
  const changed = text.slice() as T;
  for (let left = rng.integer(most + 1); left > 0; left--) {
    const decoy = encode(`${pick(BEFORE, rng)}${drawNumber(rng)}${pick(AFTER, rng)}`);
    if (decoy.length <= text.length) changed.set(decoy, rng.integer(text.length - decoy.length + 1));
  }
  return changed;
}

// --- internal ---

/** A number of one to five digits, every length equally likely. */
function drawNumber(rng: Rng): string {
  const digits = 1 + rng.integer(MOST_DIGITS);
  return Array.from({ length: digits }, (_, i) => (i === 0 ? 1 + rng.integer(9) : rng.integer(10))).join("");
}
