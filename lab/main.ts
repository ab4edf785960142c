import { Command } from "commander";
import { runCommands } from "../src/cli/terminal/commands.ts";

const program = new Command("lab").description(
  "Experiments on the models of this repository: data sets and comparisons.",
);

await runCommands(program, {
  data: {
    summary: "prepare text to train and evaluate on",
    load: async () => (await import("./commands/data.ts")).dataCommand(),
  },
  compare: {
    summary: "train and measure many kinds of memory side by side",
    load: async () => (await import("./commands/compare.ts")).compareCommand(),
  },
});
