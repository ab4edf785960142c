import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BYTE_VOCABULARY_SIZE, createStreamDecoder, decodeTokens, encodeText } from "./bytes.ts";

const text = fc.string({ unit: "binary" });

describe("encodeText and decodeTokens", () => {
  it("are inverses, even for a byte order mark", () => {
    fc.assert(
      fc.property(text, (value) => {
        const tokens = encodeText(value);
        expect(tokens.every((token) => token >= 0 && token < BYTE_VOCABULARY_SIZE)).toBe(true);
        expect(decodeTokens(tokens)).toBe(value);
      }),
      { examples: [["\ufeffmark"]] },
    );
  });

  it("writes UTF-8", () => {
    expect(encodeText("aé€")).toEqual(Int32Array.of(0x61, 0xc3, 0xa9, 0xe2, 0x82, 0xac));
  });

  it("shows bytes that are not UTF-8", () => {
    expect(decodeTokens([0x61, 0xff, 0xc3])).toBe("a\ufffd\ufffd");
  });
});

describe("createStreamDecoder", () => {
  it("gives the same text however the tokens are cut", () => {
    fc.assert(
      fc.property(text, fc.array(fc.nat(5), { minLength: 1 }), (value, sizes) => {
        const tokens = encodeText(value);
        const decode = createStreamDecoder();
        let decoded = "";
        for (let start = 0, i = 0; start < tokens.length; i++) {
          const end = start + 1 + (sizes[i % sizes.length] ?? 0);
          decoded += decode(tokens.subarray(start, end));
          start = end;
        }
        expect(decoded).toBe(value);
      }),
      { examples: [["\ufeffmark", [0]]] },
    );
  });

  it("holds back an incomplete character", () => {
    const decode = createStreamDecoder();
    expect([[0xe2], [0x82], [0xac, 0x61]].map((tokens) => decode(tokens))).toEqual(["", "", "€a"]);
  });
});
