/** Text and tokens. Readers of files live in `infini-transformer/node`. */
export { BYTE_VOCABULARY_SIZE, createStreamDecoder, decodeTokens, encodeText } from "./bytes.ts";
export { CorpusError, type Document, type TextDocument, type Tokens } from "./document.ts";
export { GPT2_VOCABULARY_SIZE, gpt2Tokenizer } from "./tokenizers/gpt2.ts";
export { huggingFaceTokenizer } from "./tokenizers/hugging-face.ts";
export { byteTokenizer, encodeBytes, encodeDocuments, type Tokenizer } from "./tokenizers/tokenizer.ts";
