import { ConfigError } from "../../base/parse-config.ts";
import { maximum } from "../../base/statistics.ts";
import type { Tokenizer } from "./tokenizer.ts";

/**
 * A tokenizer from the content of a `tokenizer.json`, as used by models on the Hugging Face hub; `source` names it in
 * errors. No special tokens are added. Decoding restores the text as far as its vocabulary and normalizer allow: one
 * that lower-cases, say, does not restore capitals. Throws ConfigError when it cannot be used.
 */
export async function huggingFaceTokenizer(json: unknown, source: string): Promise<Tokenizer> {
  const { Tokenizer: Library } = (await import("@huggingface/tokenizers")) as unknown as HuggingFaceLibrary;
  const library = open(() => encodingLongTexts(new Library(checked(json), {})), source);
  const vocabularySize = 1 + open(() => largestId(library.get_vocab(true)), source);
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

/** The file, unless it has something that the library would silently ignore. */
function checked(json: unknown): unknown {
  const { type, byte_fallback, vocab } = (json as { model?: FileModel } | null)?.model ?? {};
  if (type === "Unigram" && byte_fallback === true)
    throw new Error("a Unigram model with byte_fallback is not supported");
  if (typeof vocab !== "object" || Array.isArray(vocab)) return json;
  for (const [piece, id] of Object.entries(vocab ?? {}))
    if (!(Number.isInteger(id) && Number(id) >= 0 && Number(id) < MOST_TOKENS))
      throw new Error(`the id of "${piece}" is ${String(id)}`);
  return json;
}

/** The parts of a file's `model` that are checked. Ids by piece; those of Unigram are the places of a list. */
interface FileModel {
  readonly type?: unknown;
  readonly byte_fallback?: unknown;
  readonly vocab?: Readonly<Record<string, unknown>> | readonly unknown[] | null;
}

/** Token ids are signed 32-bit integers. */
const MOST_TOKENS = 2 ** 31;

/**
 * The library's Unigram model passes the pieces of a text as arguments of one call, which is limited to some 120,000.
 */
function encodingLongTexts(library: LibraryTokenizer): LibraryTokenizer {
  const { model } = library;
  const { tokenize } = model;
  if (tokenize) model.encode = (texts) => texts.flatMap((text) => tokenize.call(model, text));
  return library;
}

function largestId(vocabulary: ReadonlyMap<string, number>): number {
  if (vocabulary.size === 0) throw new Error("its vocabulary is empty");
  return maximum(vocabulary.values());
}

/** The parts of the library used here; not every TypeScript setting can resolve its own types. */
interface HuggingFaceLibrary {
  readonly Tokenizer: new (json: unknown, config: object) => LibraryTokenizer;
}

interface LibraryTokenizer {
  readonly model: {
    encode(texts: readonly string[]): string[];
    /** Only of the Unigram model. */
    readonly tokenize?: (text: string) => readonly string[];
  };
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

/** What a token decodes to depends on those before it, so each piece is decoded after the piece shown last. */
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
