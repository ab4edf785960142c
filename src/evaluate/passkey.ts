import {
  checkPasskeyOptions,
  drawPasskey,
  drawTextStart,
  layPasskeyPrompt,
  passkeyHaystackLength,
  scorePasskey,
  shortestPasskeyPrompt,
  type Haystack,
  type PasskeyScore,
} from "../tasks/passkey.ts";
import type { Snapshot } from "../runtime/lanes.ts";
import type { Session } from "../runtime/session.ts";
import { createRng, type Rng } from "../base/random.ts";
import type { Tokens } from "../text/document.ts";
import type { Tokenizer } from "../text/tokenizers/tokenizer.ts";
import { answersAfter } from "./answers.ts";
import { modelTokenizer } from "./model-tokenizer.ts";
import { sharedStretches, stretchTokens, type LanePrompt, type Stretch } from "./shared-prefixes.ts";
import { mean, standardError } from "../base/statistics.ts";

/**
 * One cell of the paper's table 3. Its prompts differ in where key and question lie in a segment, as they would
 * in a text of your own:
 * - All prompts of a round (one per lane of the session) are shorter than `length` by the same number of tokens,
 *   less than a segment and spread evenly over the rounds; the fewer lanes, the more places for the question.
 * - The sentence with the key is moved by up to a segment, differently for each prompt. At depth 0 it begins within a segment
 *   after the line with the task, at depth 1 it ends within a segment before the question, between them it
 *   lies within half a segment around its share of the haystack.
 */
export interface PasskeyRow {
  /** Maximum tokens of a prompt; the shortest has a segment less. */
  readonly length: number;
  /** 0: the key stands at the start, 1: at the end. */
  readonly depth: number;
  readonly samples: number;
  /** Mean share of the key's digits in the right place. */
  readonly tokenAccuracy: number;
  /** Share of the prompts answered with the whole key. */
  readonly exactMatch: number;
  /** Standard error of `tokenAccuracy`. */
  readonly standardError: number;
  /** Standard error of `exactMatch`. */
  readonly exactStandardError: number;
  /** The cell's share of the table's time: work common to several cells is split evenly among them. */
  readonly seconds: number;
  /** Tokens actually read per second, over all lanes, with this cell's share of those that cells have in common. */
  readonly tokensPerSecond: number;
}

export interface PasskeyOptions {
  readonly lengths: readonly number[];
  readonly depths: readonly number[];
  /** Prompts of a cell. */
  readonly samples: number;
  readonly haystack: Haystack;
  /** The model's tokenizer. Default: bytes. */
  readonly tokenizer?: Tokenizer;
  readonly seed: number;
  /** Called with the tokens read in a lane and the total; the common part of prompts counts once. */
  onProgress?(doneTokens: number, totalTokens: number): void;
  /** Called when a cell is done, during the last round. */
  onRow?(row: PasskeyRow): void;
}

/** Characters of the longest answer read: a space, five digits, a full stop and anything after it. */
export const ANSWER_CHARACTERS = 8;

/** Tokens that one call of `prefill` reads in each lane, up to the next multiple. */
const BLOCK = 65_536;

/**
 * Greedy answers to pass key prompts, several side by side in the lanes of the session. Key, haystack and the place of
 * the key are drawn once per prompt number, not per cell, so that prompts with the same number begin alike; their
 * common part is read once. Throws `OptionError` for a length that has no room for a prompt, a text that is empty, or a
 * model whose tokenizer is missing.
 */
export async function evaluatePasskey(session: Session, options: PasskeyOptions): Promise<PasskeyRow[]> {
  const { lengths, depths, samples, onProgress, onRow } = options;
  const tokenizer = modelTokenizer(session, options.tokenizer);
  const cells = lengths.flatMap((length) => depths.map((depth): Cell => ({ length, depth, ...nothingYet() })));
  const rounds = planRounds(session, options, cells, tokenizer);
  const total = rounds.reduce((sum, { stretches }) => sum + stretchTokens(stretches), 0);
  let done = 0;
  for (const round of rounds) {
    await readRound(
      session,
      round,
      cells,
      tokenizer,
      (tokens) => onProgress?.(done + tokens, total),
      (cell) => {
        if (cell.scores.length === samples) onRow?.(rowOf(cell, session.batch));
      },
    );
    done += stretchTokens(round.stretches);
  }
  return cells.map((cell) => rowOf(cell, session.batch));
}

// --- internal ---

/** A cell of the table, and its results so far. */
interface Cell {
  readonly length: number;
  readonly depth: number;
  readonly scores: PasskeyScore[];
  /** Its share of the tokens read in a lane. */
  tokens: number;
  seconds: number;
}

function nothingYet(): Pick<Cell, "scores" | "tokens" | "seconds"> {
  return { scores: [], tokens: 0, seconds: 0 };
}

/** The prompts that are read side by side, those of every cell. */
interface Round {
  /** The keys of the lanes that count: the last round may have more lanes than samples left. */
  readonly keys: readonly string[];
  readonly stretches: readonly Stretch[];
  /** The prompts of each cell, generated again: keeping those of a whole table would take much memory. */
  prompts(): LanePrompt[];
}

/** What prompts with the same number share. */
interface Draw {
  readonly key: string;
  readonly textStart: number;
  /** How far the key is moved within its segment of leeway, in 0..1. */
  readonly place: number;
}

function planRounds(
  { batch, loaded }: Session,
  { samples, haystack, seed }: PasskeyOptions,
  cells: readonly Cell[],
  tokenizer: Tokenizer,
): Round[] {
  for (const { length, depth } of cells) checkPasskeyOptions({ length, depth, haystack, tokenizer });
  const { segmentLength } = loaded.model.config;
  const rng = createRng(seed).fork("pass keys");
  const count = Math.ceil(samples / batch);
  const first = rng.fork("lengths").uniform();
  return Array.from({ length: count }, (_, round) => {
    const draws = Array.from({ length: batch }, (_lane, lane) => draw(haystack, rng.fork(round * batch + lane)));
    const shorter = Math.floor(((round + first) / count) * segmentLength);
    const prompts = (): LanePrompt[] =>
      cells.map((cell) => draws.map((drawn) => promptOf(cell, drawn, haystack, tokenizer, shorter, segmentLength)));
    const keys = draws.slice(0, samples - round * batch).map(({ key }) => key);
    return { keys, stretches: sharedStretches(prompts()), prompts };
  });
}

function draw(haystack: Haystack, rng: Rng): Draw {
  return { key: drawPasskey(rng), textStart: drawTextStart(haystack, rng), place: rng.uniform() };
}

function promptOf(
  cell: Cell,
  { key, textStart, place }: Draw,
  haystack: Haystack,
  tokenizer: Tokenizer,
  shorter: number,
  segmentLength: number,
): Tokens {
  const length = Math.max(cell.length - shorter, shortestPasskeyPrompt(undefined, tokenizer));
  const all = passkeyHaystackLength(length, key, tokenizer);
  const room = Math.min(segmentLength, all);
  const before = Math.floor(cell.depth * (all - room) + place * room);
  return layPasskeyPrompt({ length, key, haystack, textStart, before, tokenizer });
}

/** Reads each stretch of a round once, and asks wherever prompts end. */
async function readRound(
  session: Session,
  { keys, stretches, prompts }: Round,
  cells: readonly Cell[],
  tokenizer: Tokenizer,
  onProgress: (done: number) => void,
  onScored: (cell: Cell) => void,
): Promise<void> {
  const made = prompts();
  const states = new Map<number, Snapshot>();
  let done = 0;
  for (const stretch of stretches) {
    const { from, to } = stretch;
    const started = performance.now();
    const before = states.get(from);
    if (before) await session.restore(before);
    else await session.reset();
    const logits = await readStretch(session, made, stretch, (read) => onProgress(done + read));
    states.set(to, await session.snapshot());
    const asked = { characters: ANSWER_CHARACTERS, tokenizer };
    const answers = stretch.ending.length > 0 ? await answersAfter(session, logits, asked) : [];
    done += to - from;
    share(cells, stretch, (performance.now() - started) / 1000);
    for (const cell of cellsAt(cells, stretch.ending)) {
      cell.scores.push(...keys.map((key, lane) => scorePasskey(key, answers[lane] ?? "")));
      onScored(cell);
    }
  }
}

/** The logits after a stretch. */
async function readStretch(
  session: Session,
  prompts: readonly LanePrompt[],
  { from, to, prompts: numbers }: Stretch,
  onProgress: (done: number) => void,
): Promise<Float32Array> {
  const lanes = prompts[numbers[0] ?? -1] ?? [];
  for (let start = from; ;) {
    // Blocks end at the same places wherever a stretch begins, which keeps runs of whole segments long.
    const end = Math.min(to, (Math.floor(start / BLOCK) + 1) * BLOCK);
    const block = lanes.map((lane) => Int32Array.from(lane.subarray(start, end)));
    const before = start - from;
    const follow = (read: number): void => onProgress(before + read);
    if (end === to) return session.prefill(block, follow);
    await session.read(block, follow);
    start = end;
  }
}

/** Splits the cost of a stretch among the cells that use it. */
function share(cells: readonly Cell[], { from, to, prompts }: Stretch, seconds: number): void {
  for (const cell of cellsAt(cells, prompts)) {
    cell.tokens += (to - from) / prompts.length;
    cell.seconds += seconds / prompts.length;
  }
}

function cellsAt(cells: readonly Cell[], numbers: readonly number[]): Cell[] {
  return cells.filter((_, i) => numbers.includes(i));
}

function rowOf({ length, depth, scores, tokens, seconds }: Cell, lanes: number): PasskeyRow {
  const accuracies = scores.map(({ tokenAccuracy }) => tokenAccuracy);
  const exact = scores.map(({ exactMatch }) => (exactMatch ? 1 : 0));
  return {
    length,
    depth,
    samples: scores.length,
    tokenAccuracy: mean(accuracies),
    exactMatch: mean(exact),
    standardError: standardError(accuracies),
    exactStandardError: standardError(exact),
    seconds,
    tokensPerSecond: (lanes * tokens) / seconds,
  };
}
