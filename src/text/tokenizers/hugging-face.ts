import { ConfigError } from "../../base/parse-config.ts";
import { maximum } from "../../base/statistics.ts";
import type { Tokenizer } from "./tokenizer.ts";

/**
 * A tokenizer from the content of a `tokenizer.json`, as every model of the Hugging Face hub has one; `source` names it
 * in errors. No special tokens are added. What it decodes is what it was given as far as its vocabulary and its
 * normalizer let it: one that lower-cases, say, does not give capitals back. Throws ConfigError when it cannot be used.
 */
export async function huggingFaceTokenizer(json: unknown, source: string): Promise<Tokenizer> {
  const { Tokenizer: Library } = (await import("@huggingface/tokenizers")) as unknown as HuggingFaceLibrary;
  const library = open(() => new Library(json, {}), source);
  const vocabularySize = 1 + maximum(open(() => library.get_vocab(true), source).values());
  const decode = (tokens: Iterable<number>): string => {
    const ids = [...tokens];
    return ids.length > 0 ? library.decode(ids, AS_THEY_ARE) : "";
  };
  return {
    name: source,
    vocabularySize,
    encode: (text) => Int32Array.from(library.encode(text, { add_special_tokens: false }).ids),
    decode,
    streamDecoder: () => streamOf(decode),
  };
}

// --- internal ---

/** What is used of the library, whose own types cannot be resolved by all settings of TypeScript. */
interface HuggingFaceLibrary {
  readonly Tokenizer: new (json: unknown, config: object) => LibraryTokenizer;
}

interface LibraryTokenizer {
  get_vocab(withAddedTokens: boolean): Map<string, number>;
  encode(text: string, options: { readonly add_special_tokens: boolean }): { readonly ids: readonly number[] };
  decode(ids: readonly number[], options: typeof AS_THEY_ARE): string;
}

const AS_THEY_ARE = { skip_special_tokens: false, clean_up_tokenization_spaces: false } as const;

function open<T>(read: () => T, source: string): T {
  try {
    return read();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError(`${source}: is not a usable tokenizer: ${reason}`, { cause });
  }
}

/** What a token decodes to depends on those before it, so each piece is decoded after the piece that was shown last. */
function streamOf(decode: (tokens: Iterable<number>) => string): (tokens: Iterable<number>) => string {
  let [shown, pending]: [number[], number[]] = [[], []];
  return (tokens) => {
    pending = [...pending, ...tokens];
    const text = decode([...shown, ...pending]);
    if (text.endsWith("\ufffd")) return "";
    const piece = text.slice(decode(shown).length);
    [shown, pending] = [pending, []];
    return piece;
  };
}
