import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { ConfigError } from "../../base/parse-config.ts";
import { encodeText } from "../bytes.ts";
import { tinyTokenizerJson, wordPieceJson } from "./fixtures.ts";
import { GPT2_VOCABULARY_SIZE, gpt2Tokenizer } from "./gpt2.ts";
import { huggingFaceTokenizer } from "./hugging-face.ts";
import { byteTokenizer, checkVocabulary, encodeDocuments, readsBytes, type Tokenizer } from "./tokenizer.ts";

const LOSSLESS: Readonly<Record<string, () => Promise<Tokenizer>>> = {
  bytes: async () => byteTokenizer,
  gpt2: gpt2Tokenizer,
  "a tokenizer.json": () => huggingFaceTokenizer(tinyTokenizerJson(), "tiny"),
};
/** Well-formed text of all kinds, and words with blanks and lines as in books. */
const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc
    .array(fc.constantFrom("the", " of", " the whale's", "\n\n", "  ", "é€", "😀", "\ufeff", "1851", "."))
    .map((words) => words.join("")),
);

describe.each(Object.entries(LOSSLESS))("%s", (_, load) => {
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = await load();
  });

  it("restores every text that it encodes, with tokens of its vocabulary", () => {
    fc.assert(
      fc.property(text, (value) => {
        const tokens = tokenizer.encode(value);
        expect(tokens.every((token) => token >= 0 && token < tokenizer.vocabularySize)).toBe(true);
        expect(tokenizer.decode(tokens)).toBe(value);
      }),
    );
  });

  it("decodes the same text as a stream, however the tokens are cut", () => {
    fc.assert(
      fc.property(text, fc.array(fc.nat(5), { minLength: 1 }), (value, sizes) => {
        const tokens = tokenizer.encode(value);
        const decode = tokenizer.streamDecoder();
        let decoded = "";
        for (let start = 0, i = 0; start < tokens.length; i++) {
          const end = start + 1 + (sizes[i % sizes.length] ?? 0);
          decoded += decode(tokens.subarray(start, end));
          start = end;
        }
        expect(decoded).toBe(value);
      }),
    );
  });

  it("encodes empty text as no tokens", () => {
    expect(tokenizer.encode("")).toEqual(new Int32Array());
    expect(tokenizer.decode([])).toBe("");
  });
});

describe.each(Object.entries(LOSSLESS))("%s, given very much at once,", (_, load) => {
  it("streams it", async () => {
    const { encode, streamDecoder } = await load();
    const value = "the of\n".repeat(60_000);
    expect(streamDecoder()(encode(value))).toBe(value);
  });
});

describe("gpt2Tokenizer", () => {
  it.each(["a", "é", "7", " ", "\n", "=", "😀"])("takes time proportional to a stretch of %j", async (letter) => {
    const { encode, decode } = await gpt2Tokenizer();
    const stretch = letter.repeat(200_000);
    const started = performance.now();
    const tokens = encode(`Before ${stretch} after`);
    expect(performance.now() - started).toBeLessThan(5000); // a minute or more if it were one word
    expect(decode(tokens)).toBe(`Before ${stretch} after`);
  });

  it("cuts nothing shorter, and never within a character", async () => {
    const { encode } = await gpt2Tokenizer();
    const { encode: whole } = await import("gpt-tokenizer/encoding/r50k_base");
    for (const length of [1, 1023]) {
      const value = `x${"abc".repeat(length / 3)} ${"😀".repeat(length)} ${"1".repeat(length)}`;
      expect([...encode(value)]).toEqual(whole(value));
    }
    const { decode } = await gpt2Tokenizer();
    expect(decode(encode("😀".repeat(3000)))).toBe("😀".repeat(3000));
  });

  it("encodes to the tokens that GPT-2 was trained on", async () => {
    const { encode, decode, vocabularySize } = await gpt2Tokenizer();
    expect([...encode("Hello world! It's 1851.\n\n")]).toEqual([15496, 995, 0, 632, 338, 1248, 4349, 13, 628]);
    expect([...encode("😀")]).toEqual([47249, 222]);
    expect(decode([47249])).toBe("\ufffd");
    expect(decode([222])).toBe("\ufffd");
    expect(vocabularySize).toBe(GPT2_VOCABULARY_SIZE);
  });

  it("treats the name of a special token as text, and shows the token", async () => {
    const { encode, decode } = await gpt2Tokenizer();
    expect([...encode("<|endoftext|>")]).not.toContain(GPT2_VOCABULARY_SIZE - 1);
    expect(decode([GPT2_VOCABULARY_SIZE - 1])).toBe("<|endoftext|>");
  });
});

describe("huggingFaceTokenizer", () => {
  it("takes a vocabulary of any size, such as those of large models", async () => {
    const json = tinyTokenizerJson() as { model: { vocab: Record<string, number> } };
    const vocab = Object.fromEntries(Array.from({ length: 151_936 - 263 }, (_, i) => [`word${i}`, 263 + i]));
    const large = { ...json, model: { ...json.model, vocab: { ...json.model.vocab, ...vocab } } };
    const { vocabularySize, encode, decode } = await huggingFaceTokenizer(large, "large");
    expect(vocabularySize).toBe(151_936);
    expect(decode(encode("the whale of word7"))).toBe("the whale of word7");
  });

  it("merges as its file says, and counts added tokens", async () => {
    const { encode, vocabularySize } = await huggingFaceTokenizer(tinyTokenizerJson(), "tiny");
    const [the, ofThe] = [encode("the"), encode(" of the")];
    expect([...the]).toEqual([257]);
    expect([...ofThe]).toEqual([261, 258]);
    expect(vocabularySize).toBe(263);
  });

  it("streams what its decoder joins with blanks", async () => {
    const { encode, decode, streamDecoder } = await huggingFaceTokenizer(wordPieceJson(), "words");
    const tokens = encode("The whales a");
    expect([...tokens]).toEqual([1, 2, 3, 4]);
    expect(decode(tokens)).toBe("the whales a");
    const stream = streamDecoder();
    expect([...tokens].map((token) => stream([token]))).toEqual(["the", " whale", "s", " a"]);
  });

  it.each([[{}], [null], [[]], ["text"], [{ model: { type: "BPE", vocab: {} } }]])("refuses %j", async (json) => {
    const opened = huggingFaceTokenizer(json, "bad.json");
    await expect(opened).rejects.toThrow(ConfigError);
    await expect(opened).rejects.toThrow(/^bad\.json: is not a usable tokenizer: /);
  });
});

describe("a tokenizer.json that the library would misread", () => {
  const json = tinyTokenizerJson() as { model: object };
  it.each<[string, object, RegExp]>([
    ["an id that is not a number", { vocab: { a: "x" } }, /: the id of "a" is x$/],
    ["a negative id", { vocab: { a: -5 } }, /: the id of "a" is -5$/],
    ["an id of half a token", { vocab: { a: 1.5 } }, /: the id of "a" is 1\.5$/],
    ["an id of more than 32 bits", { vocab: { a: 1e12 } }, /: the id of "a" is 1000000000000$/],
    [
      "Unigram with byte_fallback",
      { type: "Unigram", byte_fallback: true, unk_id: 0, vocab: [["a", 0]] },
      /: a Unigram model with byte_fallback is not supported$/,
    ],
  ])("is refused: %s", async (_, model, problem) => {
    const opened = huggingFaceTokenizer({ ...json, model: { ...json.model, ...model } }, "bad.json");
    await expect(opened).rejects.toThrow(ConfigError);
    await expect(opened).rejects.toThrow(problem);
  });

  it("is refused without a vocabulary", async () => {
    const empty = { ...json, added_tokens: [], model: { ...json.model, vocab: {}, merges: [] } };
    await expect(huggingFaceTokenizer(empty, "bad.json")).rejects.toThrow("its vocabulary is empty");
  });
});

it("a Unigram tokenizer encodes a text of any length", async () => {
  const model = {
    type: "Unigram",
    unk_id: 0,
    vocab: [
      ["<unk>", 0],
      ["▁a", -1],
      ["▁", -2],
      ["b", -3],
    ],
  };
  const spaces = { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: false };
  const json = { ...tinyTokenizerJson(), added_tokens: [], pre_tokenizer: spaces, decoder: spaces, model };
  const { encode } = await huggingFaceTokenizer(json, "unigram");
  const tokens = encode("a b ".repeat(100_000).trim());
  expect(tokens.length).toBe(300_000);
  expect([...tokens.subarray(0, 4)]).toEqual([1, 2, 3, 1]);
});

describe("encodeDocuments", () => {
  it("keeps bytes unchanged, and encodes each document separately", async () => {
    const documents = ["the", " of"].map((name) => ({ name, tokens: Uint8Array.from(encodeText(name)) }));
    expect(encodeDocuments(documents, byteTokenizer)).toEqual(documents);
    const encoded = encodeDocuments(documents, await huggingFaceTokenizer(tinyTokenizerJson(), "tiny"));
    expect(encoded).toEqual([
      { name: "the", tokens: Int32Array.of(257) },
      { name: " of", tokens: Int32Array.of(261) },
    ]);
  });
});

describe("checkVocabulary", () => {
  it("names both sizes when the model has too few tokens", () => {
    const problem = "model.vocabularySize: is 255, but the tokenizer bytes has 256 tokens";
    expect(() => checkVocabulary(byteTokenizer, 255)).toThrow(new ConfigError(problem));
    checkVocabulary(byteTokenizer, 256);
    checkVocabulary(byteTokenizer, 32_000);
  });
});

it("readsBytes is true for models that name no tokenizer, or bytes", () => {
  expect([{}, { tokenizer: "bytes" }, { tokenizer: "gpt2" }].map(readsBytes)).toEqual([true, true, false]);
});
