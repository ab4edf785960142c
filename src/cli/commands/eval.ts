import { Command, InvalidArgumentError, Option } from "commander";
import { RECALL_NAMES, recallTasksOf } from "../../tasks/recall-tasks.ts";
import type { NodeDevice } from "../../engine/ort/ort-node.ts";
import { suggestion } from "../../base/parse-config.ts";
import { measureMqar } from "../measures/mqar.ts";
import { measurePerplexity } from "../measures/perplexity.ts";
import { measureRecall } from "../measures/recall.ts";
import { deviceOption, jsonOption, parseCounts, parseLengths, seedOption, wholeNumber } from "../terminal/options.ts";

interface EvalFlags {
  readonly task: string[];
  readonly lengths: number[];
  readonly pairs: number[];
  readonly distances: number[];
  readonly samples: number;
  readonly batch: number;
  readonly seed: number;
  readonly data?: string;
  readonly device: NodeDevice;
  readonly json?: string;
}

/** Measurements that run alone. A new one is a file in `measures` and a line here. */
const MEASURES: Readonly<Record<string, (folder: string, flags: EvalFlags) => Promise<void>>> = {
  perplexity: measurePerplexity,
  mqar: measureMqar,
};

const NAMES = [...Object.keys(MEASURES), ...RECALL_NAMES];

export function evalCommand(): Command {
  return new Command("eval")
    .description("Measure how well a model predicts a text, or how well it recalls what it has read.")
    .argument("<model>", "a model folder")
    .addOption(
      new Option(
        "--task <names>",
        `what to measure: perplexity, mqar, or recall tasks such as ruler or niah_single_1,vt`,
      )
        .argParser(parseTasks)
        .default(["perplexity"], "perplexity"),
    )
    .option(
      "--data <path>",
      "what to predict: a text file, a JSONL file or a folder of them; or the text file that recall tasks hide facts in",
    )
    .addOption(
      new Option("--lengths <list>", "recall and mqar: prompt lengths in tokens of the model")
        .argParser(parseLengths)
        .default(parseLengths("4k"), "4k"),
    )
    .addOption(
      new Option("--pairs <list>", "mqar: how many facts are stated and asked for; at most a quarter of the length")
        .argParser(parseCounts(1))
        .default([4, 64, 256], "4,64,256"),
    )
    .addOption(
      new Option("--distances <list>", "mqar: tokens of filler between facts and questions, besides the length; even")
        .argParser(parseCounts(0))
        .default([0], "0"),
    )
    .addOption(
      new Option("--samples <count>", "recall and mqar: prompts per row").argParser(wholeNumber(1)).default(20),
    )
    .addOption(
      new Option("--batch <count>", "recall and mqar: prompts read side by side").argParser(wholeNumber(1)).default(4),
    )
    .addOption(seedOption())
    .addOption(deviceOption())
    .addOption(jsonOption())
    .addHelpText("after", `\nTasks: ${NAMES.join(", ")}.`)
    .action(runEval);
}

// --- internal ---

async function runEval(folder: string, flags: EvalFlags): Promise<void> {
  const measure = MEASURES[flags.task[0] ?? ""];
  await (measure ? measure(folder, flags) : measureRecall(folder, recallTasksOf(flags.task), flags));
}

function parseTasks(text: string): string[] {
  const names = text.split(",").map((name) => name.trim());
  for (const name of names) {
    if (!NAMES.includes(name)) throw new InvalidArgumentError(`"${name}" is not a task${suggestion(name, NAMES)}.`);
    if (name in MEASURES && names.length > 1) throw new InvalidArgumentError(`${name} must be measured alone.`);
  }
  return names;
}
