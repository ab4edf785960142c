/** The names that most programs need; everything else is under a sub-path such as `infini-transformer/train`. */
export { decodeTokens, encodeText } from "./text/bytes.ts";
export { evaluatePasskey } from "./evaluate/passkey.ts";
export { evaluatePerplexity } from "./evaluate/perplexity.ts";
export { generate, type GenerateOptions } from "./runtime/generate.ts";
export { createSession, type Session, type SessionOptions } from "./runtime/session.ts";
export { encodeWeights, loadModel } from "./model/checkpoint.ts";
export { parseModelConfig, type ModelConfig } from "./model/config.ts";
export { parameterCount, stateBytes } from "./model/cost.ts";
export { createModel, type LoadedModel, type Model } from "./model/transformer.ts";
export { createRng, type Rng } from "./base/random.ts";
export { parseRunConfig, type RunConfig } from "./train/config.ts";
export { presets } from "./train/presets.ts";
export { runTraining, trainedModel, type RunOptions } from "./train/run.ts";
