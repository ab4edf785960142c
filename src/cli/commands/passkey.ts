import { Command, Option } from "commander";
import { readText } from "../../platform/node/corpus.ts";
import { shortestPasskeyPrompt, type Haystack } from "../../tasks/passkey.ts";
import { createNodeEngine, type NodeDevice } from "../../engine/ort/ort-node.ts";
import { evaluatePasskey } from "../../evaluate/passkey.ts";
import { createSession } from "../../runtime/session.ts";
import { encodeBytes, type Tokenizer } from "../../text/tokenizers/tokenizer.ts";
import { loadTextModel } from "../text-model.ts";
import { UsageError } from "../terminal/errors.ts";
import { deviceOption, jsonOption, parseDepths, parseLengths, seedOption, wholeNumber } from "../terminal/options.ts";
import { createReadProgress, formatCount, formatWithError, print, renderTable, writeJson } from "../terminal/output.ts";

interface PasskeyFlags {
  readonly lengths: number[];
  readonly depths: number[];
  readonly samples: number;
  readonly batch: number;
  readonly haystack: string;
  readonly seed: number;
  readonly device: NodeDevice;
  readonly json?: string;
}

export function passkeyCommand(): Command {
  return new Command("passkey")
    .description("Hide a pass key in text of a given length and ask for it: table 3 of the paper.")
    .argument("<model>", "a model folder")
    .addOption(
      new Option("--lengths <list>", "prompt lengths in tokens of the model")
        .argParser(parseLengths)
        .default(parseLengths("4k,32k"), "4k,32k"),
    )
    .addOption(
      new Option("--depths <list>", "where the key lies, from 0, the start, to 1, the end")
        .argParser(parseDepths)
        .default([0, 0.5, 1], "0,0.5,1"),
    )
    .addOption(new Option("--samples <count>", "prompts per length and depth").argParser(wholeNumber(1)).default(4))
    .addOption(
      new Option("--batch <count>", "prompts read side by side; fewer ask at more places of a segment")
        .argParser(wholeNumber(1))
        .default(4),
    )
    .option("--haystack <text>", "`garbage`, the paper's sentences, or a text file", "garbage")
    .addOption(seedOption())
    .addOption(deviceOption())
    .addOption(jsonOption())
    .action(runPasskey);
}

// --- internal ---

async function runPasskey(folder: string, flags: PasskeyFlags): Promise<void> {
  const { lengths, depths, samples, seed, json } = flags;
  const { loaded, tokenizer } = await loadTextModel(folder);
  // Before anything is read; otherwise the rows before a length that is too short would be lost.
  const [shortest, shortestPossible] = [Math.min(...lengths), shortestPasskeyPrompt(undefined, tokenizer)];
  if (shortest < shortestPossible)
    throw new UsageError(`--lengths: a pass key prompt needs at least ${shortestPossible} tokens, got ${shortest}`);
  const haystack = await readHaystack(flags.haystack, tokenizer);
  const engine = await createNodeEngine({ device: flags.device });
  const session = createSession({ loaded, engine, batch: Math.min(flags.batch, samples) });
  const progress = createReadProgress();
  const rows = await evaluatePasskey(session, {
    lengths,
    depths,
    samples,
    haystack,
    tokenizer,
    seed,
    onProgress: progress.onProgress,
  });
  progress.stop();
  const cells = rows.map(({ length, depth, tokenAccuracy, standardError, exactMatch, exactStandardError, ...row }) => {
    const [digits, keys] = [
      formatWithError(tokenAccuracy, standardError),
      formatWithError(exactMatch, exactStandardError),
    ];
    return [formatCount(length), depth, row.samples, digits, keys, formatCount(row.tokensPerSecond)];
  });
  print(renderTable(["length", "depth", "prompts", "token accuracy", "exact match", "tokens/s"], cells), json);
  await writeJson({ model: folder, haystack: flags.haystack, seed, rows }, json);
}

async function readHaystack(name: string, tokenizer: Tokenizer): Promise<Haystack> {
  if (name === "garbage") return { kind: "garbage" };
  return { kind: "text", tokens: encodeBytes(await readText(name), tokenizer) };
}
