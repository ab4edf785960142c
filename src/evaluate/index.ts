/** Measurements of a model, read through a session. */
export { findKeysInBook, type BookAnswer, type BookOptions, type BookProgress, type HiddenKey } from "./book.ts";
export { evaluateDocuments, type DocumentsOptions, type DocumentsResult, type MeasuredBin } from "./documents.ts";
export { evaluateMqar, type MqarEvaluation, type MqarRow } from "./mqar.ts";
export { evaluatePasskey, type PasskeyOptions, type PasskeyRow } from "./passkey.ts";
export { evaluatePerplexity, poolPerplexity, type PerplexityOptions, type PerplexityResult } from "./perplexity.ts";
export { evaluateRecall, type RecallOptions, type RecallRow } from "./recall.ts";
