import { Command, Option } from "commander";
import { createReadStream } from "node:fs";
import { buffer as readAll } from "node:stream/consumers";
import { access, constants, stat } from "node:fs/promises";
import { byteTokenizer, type Tokenizer } from "../../text/tokenizers/tokenizer.ts";
import { checkText, readText } from "../../platform/node/corpus.ts";
import { readBytes, writeAtomically } from "../../platform/node/files.ts";
import { loadModelFolder } from "../../platform/node/model-folder.ts";
import { loadTokenizer } from "../../platform/node/tokenizer-file.ts";
import { createNodeEngine, type NodeDevice } from "../../engine/ort/ort-node.ts";
import { askAside } from "../../runtime/ask-aside.ts";
import { createSession, type Session } from "../../runtime/session.ts";
import { UsageError } from "../terminal/errors.ts";
import { peakRssBytes } from "../terminal/machine.ts";
import { deviceOption, jsonOption, wholeNumber } from "../terminal/options.ts";
import { createProgress, formatBytes, formatCount, print, writeJson } from "../terminal/output.ts";

interface StreamFlags {
  readonly save?: string;
  readonly load?: string;
  readonly ask?: string;
  readonly maxTokens: number;
  readonly device: NodeDevice;
  readonly json?: string;
}

export function streamCommand(): Command {
  return new Command("stream")
    .description(
      "Read a text of any length in constant memory, then ask, or save what the model remembers and continue later.",
    )
    .argument("<model>", "a model folder")
    .argument("<file>", "a text file; - reads standard input")
    .option("--load <file>", "continue from a saved state")
    .option("--save <file>", "save the state after the text, before the question")
    .option("--ask <text>", "text to add after the input; the model continues from there")
    .addOption(new Option("--max-tokens <count>", "maximum tokens of the answer").argParser(wholeNumber(1)).default(64))
    .addOption(deviceOption())
    .addOption(jsonOption())
    .action(runStream);
}

// --- internal ---

/** Tokens passed to the model at a time. */
const BLOCK = 16_384;

async function runStream(folder: string, file: string, flags: StreamFlags): Promise<void> {
  const { ask, save, load, json } = flags;
  if (ask === "") throw new UsageError("--ask: the question has no tokens");
  if (file !== "-") await checkFile(file);
  const loaded = await loadModelFolder(folder);
  const tokenizer = await loadTokenizer(loaded.model.config, folder);
  const session = createSession({
    loaded,
    engine: await createNodeEngine({ device: flags.device }),
    blockLength: 4096,
  });
  if (load !== undefined) await session.load(await readBytes(load), load);
  const started = performance.now();
  const read = await (tokenizer === byteTokenizer ? readStream(session, file) : readWhole(session, file, tokenizer));
  const seconds = (performance.now() - started) / 1000;
  if (save !== undefined) await writeAtomically(save, await session.save());
  const answer = ask === undefined ? undefined : await answerTo(session, tokenizer, ask, flags.maxTokens);
  if (answer !== undefined) print(`${ask}${answer}`, json);
  print(
    `${formatCount(read)} tokens at ${formatCount(read / seconds)} tokens/s; ${formatCount(session.position)} in all; state ${formatBytes(session.stateBytes)}`,
    json,
  );
  await writeJson(
    {
      tokens: read,
      position: session.position,
      tokensPerSecond: read / seconds,
      stateBytes: session.stateBytes,
      peakRssBytes: peakRssBytes(),
      ask,
      answer,
    },
    json,
  );
}

async function checkFile(file: string): Promise<void> {
  const info = await stat(file).catch(() => undefined);
  if (!info) throw new UsageError(`${file}: there is no such file`);
  if (info.isDirectory()) throw new UsageError(`${file}: is a folder, not a text file`);
  await access(file, constants.R_OK).catch(() => {
    throw new UsageError(`${file}: cannot be read: permission denied`);
  });
}

/** Reads a file or standard input block by block; never holds more than one block. Returns the number of tokens. */
async function readStream(session: Session, file: string): Promise<number> {
  const source: AsyncIterable<Uint8Array> =
    file === "-" ? process.stdin : createReadStream(file, { highWaterMark: BLOCK });
  const total = file === "-" ? 0 : (await stat(file)).size;
  const progress = createProgress("read", total, "tokens");
  let read = 0;
  for await (const bytes of source) {
    for (let start = 0; start < bytes.length; start += BLOCK) {
      const block = bytes.subarray(start, start + BLOCK);
      if (block.includes(0))
        throw new UsageError(`${file}: holds binary data at byte ${read + block.indexOf(0)}, not text`);
      await session.read(Int32Array.from(block));
      progress.update((read += block.length));
    }
  }
  progress.stop();
  if (read === 0) throw new UsageError(`${file}: is empty`);
  return read;
}

/** Reads the whole text first, since tokens of more than a byte may cross blocks. Returns the number of tokens. */
async function readWhole(session: Session, file: string, tokenizer: Tokenizer): Promise<number> {
  const bytes = file === "-" ? await readAll(process.stdin) : await readText(file);
  checkText(bytes, file);
  const tokens = tokenizer.encode(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes));
  const progress = createProgress("read", tokens.length, "tokens");
  for (let start = 0; start < tokens.length; start += BLOCK) {
    await session.read(tokens.subarray(start, start + BLOCK));
    progress.update(Math.min(tokens.length, start + BLOCK));
  }
  progress.stop();
  return tokens.length;
}

async function answerTo(session: Session, tokenizer: Tokenizer, question: string, maxTokens: number): Promise<string> {
  const [answer = []] = await askAside(session, tokenizer.encode(question), {
    maxTokens,
    stopAfter: (last) => /[.\n]/.test(tokenizer.decode([last])),
    lineBreak: tokenizer.encode("\n"),
  });
  return tokenizer.decode(answer);
}
