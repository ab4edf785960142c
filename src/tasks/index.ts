/** Tasks that a model is trained and measured on: pass keys, associative recall, RULER, BABILong. */
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
export {
  fitRecall,
  shortestRecall,
  type FitOptions,
  type FittedRecall,
  type RecallSize,
  type TokenSource,
} from "./fit.ts";
export type { RecallSample, RecallTask, SampleOptions } from "./recall.ts";
export { RECALL_NAMES, recallTasksOf } from "./recall-tasks.ts";
