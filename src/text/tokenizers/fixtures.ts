/** Merges of {@link tinyTokenizerJson}, on top of its 256 bytes. `Ġ` is a blank. */
const MERGES = ["t h", "th e", "Ġ the", "i n", "o f", "Ġ of"];

/** A `tokenizer.json` like that of GPT-2, with six merges: lossless byte-level BPE with 263 tokens. */
export function tinyTokenizerJson(): object {
  const letters = byteLetters();
  const pieces = [...letters, ...MERGES.map((merge) => merge.replace(" ", ""))];
  const end = { id: pieces.length, content: "<|endoftext|>", special: true, normalized: false };
  return {
    version: "1.0",
    added_tokens: [{ ...end, single_word: false, lstrip: false, rstrip: false }],
    normalizer: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: null,
    decoder: { type: "ByteLevel" },
    model: {
      type: "BPE",
      unk_token: null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      vocab: Object.fromEntries(pieces.map((piece, i) => [piece, i])),
      merges: MERGES,
    },
  };
}

/** Letters of WordPiece, whose normalizer lower-cases and whose decoder puts blanks between words. */
export function wordPieceJson(): object {
  const pieces = ["[UNK]", "the", "whale", "##s", "a"];
  return {
    version: "1.0",
    added_tokens: [],
    normalizer: { type: "Lowercase" },
    pre_tokenizer: { type: "Whitespace" },
    post_processor: null,
    decoder: { type: "WordPiece", prefix: "##", cleanup: false },
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(pieces.map((piece, i) => [piece, i])),
    },
  };
}

// --- internal ---

/** The letter that stands for each byte: itself where it can be printed, else one from U+0100 on. */
function byteLetters(): string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
    return String.fromCharCode(printable ? byte : next++);
  });
}
