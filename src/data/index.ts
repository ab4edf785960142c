/** Byte tokens and training data. Readers of files live in `infini-transformer/node`. */
export { BYTE_VOCABULARY_SIZE, createStreamDecoder, decodeTokens, encodeText } from "./bytes.ts";
export { CorpusError, type Document, type TextDocument, type Tokens } from "./document.ts";
export type { Batch, Batches, BatchOptions } from "./batch.ts";
export { createBatches } from "./batches.ts";
export type { Mixture } from "./mixture.ts";
export {
  MQAR_SIZES,
  MQAR_VERSION,
  mqarExample,
  NO_LABEL,
  type MqarExample,
  type MqarOptions,
  type MqarShape,
  type MqarSize,
} from "./mqar.ts";
export {
  drawPasskey,
  passkeyPrompt,
  passkeySentence,
  PASSKEY_QUESTION,
  PASSKEY_TASK,
  scorePasskey,
  type Haystack,
  type PasskeyPrompt,
} from "./passkey.ts";
export { checkRecallLength, type RecallSample, type RecallTask, type SampleOptions } from "./recall.ts";
export { GPT2_VOCABULARY_SIZE, gpt2Tokenizer } from "./tokenizers/gpt2.ts";
export { huggingFaceTokenizer } from "./tokenizers/hugging-face.ts";
export { byteTokenizer, encodeDocuments, type Tokenizer } from "./tokenizers/tokenizer.ts";
export { RECALL_NAMES, recallTasksOf } from "./recall-tasks.ts";
