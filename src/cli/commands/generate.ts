import { Command, Option } from "commander";
import { text as readAll } from "node:stream/consumers";
import { loadModelFolder } from "../../platform/node/model-folder.ts";
import { loadTokenizer } from "../../platform/node/tokenizer-file.ts";
import { createNodeEngine, type NodeDevice } from "../../engine/ort/ort-node.ts";
import { generate } from "../../runtime/generate.ts";
import { createSession } from "../../runtime/session.ts";
import { UsageError } from "../terminal/errors.ts";
import { deviceOption, jsonOption, numberWithin, seedOption, wholeNumber } from "../terminal/options.ts";
import { writeJson } from "../terminal/output.ts";

interface GenerateFlags {
  readonly prompt: string;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topK?: number;
  readonly topP: number;
  readonly seed: number;
  readonly device: NodeDevice;
  readonly json?: string;
}

export function generateCommand(): Command {
  return new Command("generate")
    .description("Continue a prompt of any length.")
    .argument("<model>", "a model folder")
    .requiredOption("--prompt <text>", "the text to continue; - reads standard input")
    .addOption(new Option("--max-tokens <count>", "maximum tokens to write").argParser(wholeNumber(1)).default(256))
    .addOption(
      new Option("--temperature <number>", "0 takes the most likely token")
        .argParser(numberWithin(0, 100))
        .default(0.8),
    )
    .addOption(
      new Option("--top-k <count>", "draw from this many most likely tokens (default: all)").argParser(wholeNumber(1)),
    )
    .addOption(
      new Option("--top-p <share>", "draw from the most likely tokens that reach this probability")
        .argParser(numberWithin(0.001, 1))
        .default(1),
    )
    .addOption(seedOption())
    .addOption(deviceOption())
    .addOption(jsonOption())
    .action(runGenerate);
}

// --- internal ---

async function runGenerate(folder: string, flags: GenerateFlags): Promise<void> {
  const prompt = flags.prompt === "-" ? await readAll(process.stdin) : flags.prompt;
  if (prompt === "") throw new UsageError("--prompt: the prompt has no tokens");
  const loaded = await loadModelFolder(folder);
  const tokenizer = await loadTokenizer(loaded.model.config, folder);
  const session = createSession({ loaded, engine: await createNodeEngine({ device: flags.device }) });
  const decode = tokenizer.streamDecoder();
  let text = "";
  for await (const token of generate(session, tokenizer.encode(prompt), flags)) {
    const piece = decode([token]);
    text += piece;
    if (flags.json !== "-") process.stdout.write(piece);
  }
  if (flags.json !== "-") process.stdout.write("\n");
  await writeJson({ prompt, text, tokens: session.position }, flags.json);
}
