/** Names of the files of a model folder, in the layout of the Hugging Face hub. */
export const MODEL_FILES = {
  config: "config.json",
  weights: "model.safetensors",
  /** In place of one file of weights: says which of several files each tensor is in. */
  weightsIndex: "model.safetensors.index.json",
  training: "training.json",
  /** Only where the tokenizer is one of Hugging Face. */
  tokenizer: "tokenizer.json",
} as const;
