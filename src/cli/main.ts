#!/usr/bin/env node
import { Command } from "commander";
import { packageVersion, runCommands } from "./terminal/commands.ts";

const program = new Command("infini")
  .description("Transformers with a fixed-size memory of everything before: train, stream, ask.")
  .version(packageVersion());

await runCommands(program, {
  demo: {
    summary: "hide keys in a book, stream the whole book, and ask for them",
    load: async () => (await import("./commands/demo.ts")).demoCommand(),
  },
  train: {
    summary: "train a model",
    load: async () => (await import("./commands/train.ts")).trainCommand(),
  },
  eval: {
    summary: "measure how well a model predicts a text, or recalls it",
    load: async () => (await import("./commands/eval.ts")).evalCommand(),
  },
  passkey: {
    summary: "hide a pass key at many lengths and depths",
    load: async () => (await import("./commands/passkey.ts")).passkeyCommand(),
  },
  stream: {
    summary: "read a text of any length, ask, save, continue later",
    load: async () => (await import("./commands/stream.ts")).streamCommand(),
  },
  generate: {
    summary: "continue a prompt",
    load: async () => (await import("./commands/generate.ts")).generateCommand(),
  },
  inspect: {
    summary: "show sizes, memory and gates of a model",
    load: async () => (await import("./commands/inspect.ts")).inspectCommand(),
  },
  export: {
    summary: "write a model as ONNX",
    load: async () => (await import("./commands/export.ts")).exportCommand(),
  },
});
