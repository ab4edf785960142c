#!/usr/bin/env node
import { Command } from "commander";
import { createRequire } from "node:module";

/** Each command is loaded when it is asked for, so that help and errors come at once. */
const COMMANDS: Readonly<Record<string, { summary: string; load(): Promise<Command> }>> = {
  demo: {
    summary: "hide keys in a book, stream all of it, and ask for them",
    load: async () => (await import("./commands/demo.ts")).demoCommand(),
  },
  data: {
    summary: "prepare text to train and evaluate on",
    load: async () => (await import("./commands/data.ts")).dataCommand(),
  },
  train: {
    summary: "train a model from scratch",
    load: async () => (await import("./commands/train.ts")).trainCommand(),
  },
  eval: {
    summary: "measure how well a model foretells a text, or recalls it",
    load: async () => (await import("./commands/eval.ts")).evalCommand(),
  },
  compare: {
    summary: "train and measure many kinds of memory side by side",
    load: async () => (await import("./commands/compare.ts")).compareCommand(),
  },
  passkey: {
    summary: "hide a pass key at many lengths and depths",
    load: async () => (await import("./commands/passkey.ts")).passkeyCommand(),
  },
  stream: {
    summary: "read a text of any length, ask, save, go on later",
    load: async () => (await import("./commands/stream.ts")).streamCommand(),
  },
  generate: {
    summary: "go on with a prompt",
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
};

async function createProgram(name: string | undefined): Promise<Command> {
  const { version } = createRequire(import.meta.url)("../../package.json") as { version: string };
  const program = new Command("infini")
    .description("Transformers with a memory of fixed size for everything before: train, stream, ask.")
    .version(version)
    .showSuggestionAfterError();
  for (const [command, { summary, load }] of Object.entries(COMMANDS)) {
    if (command === name) program.addCommand((await load()).copyInheritedSettings(program).summary(summary));
    else program.command(command).summary(summary);
  }
  return program;
}

// Who reads what is printed may have seen enough: `infini inspect MODEL | head`.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

const program = await createProgram(process.argv[2]);
try {
  await program.parseAsync();
} catch (error) {
  // Errors of these families say all there is to say; anything else is a defect and keeps its stack.
  const expected = [
    "UsageError",
    "ConfigError",
    "CorpusError",
    "DatasetError",
    "FileError",
    "SafetensorsError",
    "SessionError",
    "DeviceError",
    "ResumeError",
    "DivergedError",
    "RangeError",
  ];
  const known = error instanceof Error && expected.includes(error.name);
  process.stderr.write(`error: ${known ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
}
