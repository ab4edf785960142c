import { describe, expect, it } from "vitest";
import manifest from "../package.json" with { type: "json" };

/** Every name that can be imported. A line here changes with the public surface, never by accident. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  ".": [
    "createModel", "createRng", "createSession", "decodeTokens", "encodeText", "encodeWeights", "evaluatePasskey",
    "evaluatePerplexity", "generate", "loadModel", "parameterCount", "parseModelConfig", "parseRunConfig", "presets",
    "runTraining", "stateBytes", "trainedModel",
  ],
  "./graph": [
    "GraphError", "add", "broadcastTo", "bytesOf", "cast", "concat", "constant", "createGraph", "crossEntropy",
    "cumulativeSum", "div", "eluPlusOne", "equal", "exp", "filled", "flatten", "floatTensor", "gather", "input",
    "intTensor", "iota", "l2Normalize", "less", "log", "logSoftmax", "mapTree", "matmul", "matrixTranspose", "max",
    "mean", "min", "mul", "neg", "optimize", "pad", "reshape", "rmsNorm", "sameShape", "scalar", "scatterAdd",
    "sigmoid", "silu", "sizeOf", "slice", "softmax", "sqrt", "square", "sub", "sum", "tanh", "transpose", "unflatten",
    "unitLowerInverse", "where", "zeros",
  ],
  "./autodiff": ["gradients", "vectorJacobianProduct"],
  "./engine": ["DeviceError", "FeedError", "OPSET_VERSION", "createReferenceEngine", "writeOnnx"],
  "./attention": ["MEMORY_UPDATES", "WRITE_STRENGTHS", "infiniAttention"],
  "./model": [
    "ConfigError", "SafetensorsError", "configHash", "createModel", "decodeSafetensors", "encodeSafetensors",
    "encodeWeights", "forwardFlops", "keyValueCacheBytes", "loadModel", "memoryFootprints", "parameterCount",
    "parseModelConfig", "stateBytes",
  ],
  "./train": [
    "DivergedError", "ResumeError", "adafactor", "adamW", "createOptimizer", "createStepper", "decodeRunState",
    "encodeRunState", "initialTrainingState", "learningRateAt", "parseRunConfig", "presets", "runTraining",
    "stagesOf", "startOfRun", "train", "trainedModel",
  ],
  "./data": [
    "BYTE_VOCABULARY_SIZE", "CorpusError", "PASSKEY_QUESTION", "createBatches", "createStreamDecoder", "decodeTokens",
    "drawPasskey", "encodeText", "passkeyPrompt", "passkeySentence", "scorePasskey",
  ],
  "./generate": ["SessionError", "createSession", "generate", "mostLikely", "sampleToken", "standaloneSegment"],
  "./evaluate": ["evaluatePasskey", "evaluatePerplexity", "findKeysInBook"],
  "./node": [
    "FileError", "MODEL_FILES", "NODE_DEVICES", "createNodeEngine", "loadModelFolder", "readBytes", "readCorpus",
    "readJson", "readText", "toJson", "writeAtomically",
  ],
};

describe("the public names", () => {
  it("are listed for every sub-path", () => {
    const paths = Object.keys(manifest.exports).filter((path) => path !== "./package.json");
    expect(paths).toEqual(Object.keys(NAMES));
  });

  it.each(Object.entries(NAMES))("of %s", async (path, names) => {
    const module = (await import(`infini-transformer${path.slice(1)}`)) as object;
    expect(Object.keys(module).toSorted()).toEqual(names);
  });
});
