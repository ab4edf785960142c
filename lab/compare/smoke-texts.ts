import type { Document } from "../../src/text/document.ts";
import { createRng, type Rng } from "../../src/base/random.ts";

const LETTERS = "etaoinshrdlu";

/** Documents of made-up words, each with its own recurring names, so that a memory is useful. */
export function smokeTexts(seed: number, documents: number, bytes: number): Document[] {
  const root = createRng(seed).fork("texts");
  const common = wordsOf(root, 24);
  return Array.from({ length: documents }, (_, i) => {
    const rng = root.fork(i);
    const words = [...common, ...wordsOf(rng, 4), ...wordsOf(rng, 4)];
    let text = "";
    while (text.length < bytes) text += `${words[rng.integer(words.length)] ?? ""}${rng.uniform() < 0.1 ? ".\n" : " "}`;
    return { name: `document-${i}.txt`, tokens: new TextEncoder().encode(text.slice(0, bytes)) };
  });
}

// --- internal ---

function wordsOf(rng: Rng, count: number): string[] {
  return Array.from({ length: count }, () =>
    Array.from({ length: 2 + rng.integer(6) }, () => LETTERS[rng.integer(LETTERS.length)]).join(""),
  );
}
