import { OptionError } from "../base/errors.ts";
import type { Tokens } from "../text/document.ts";

/** One prompt: the tokens of each lane, all of the same length. */
export type LanePrompt = readonly Tokens[];

/** A stretch of tokens that is read once, however many prompts go through it. */
export interface Stretch {
  /** Tokens before it, in each lane; the state there is that at the end of the stretch above, or the empty one. */
  readonly from: number;
  /** Tokens up to its end, in each lane. */
  readonly to: number;
  /** Numbers of the prompts that it is part of; all have the same tokens up to `to`. */
  readonly prompts: readonly number[];
  /** Those of them that end here. */
  readonly ending: readonly number[];
}

/**
 * The stretches that make up prompts, depth first: prompts that begin alike in every lane share a stretch up to where
 * the first lane diverges. A caller that keeps the state at the end of each stretch, by position, has the state that a
 * later one starts from: that of the last stretch that ended at its `from`. The lengths of the stretches add up to the
 * tokens of a lane that are actually read. Throws `OptionError` for a prompt without tokens, or lanes that differ in
 * number or length.
 */
export function sharedStretches(prompts: readonly LanePrompt[]): Stretch[] {
  prompts.forEach((prompt, i) => checkPrompt(prompt, i, prompts[0]?.length ?? 0));
  return branchesAt(
    prompts,
    prompts.map((_, i) => i),
    0,
  );
}

/** Tokens read in a lane, each stretch once. */
export function stretchTokens(stretches: readonly Stretch[]): number {
  return stretches.reduce((sum, { from, to }) => sum + to - from, 0);
}

// --- internal ---

/** The stretches after `from` tokens in which the prompts of these numbers agree. */
function branchesAt(prompts: readonly LanePrompt[], numbers: readonly number[], from: number): Stretch[] {
  const stretches: Stretch[] = [];
  for (const branch of groupBy(numbers, (number) => tokensAt(prompts[number] ?? [], from))) {
    const to = commonLength(branch.map((number) => prompts[number] ?? []));
    const ending = branch.filter((number) => lengthOf(prompts[number]) === to);
    const further = branch.filter((number) => lengthOf(prompts[number]) > to);
    stretches.push({ from, to, prompts: branch, ending }, ...branchesAt(prompts, further, to));
  }
  return stretches;
}

function groupBy(numbers: readonly number[], key: (number: number) => string): number[][] {
  const groups = new Map<string, number[]>();
  for (const number of numbers) {
    const name = key(number);
    groups.set(name, [...(groups.get(name) ?? []), number]);
  }
  return [...groups.values()];
}

/** The tokens of all lanes at one position. */
function tokensAt(prompt: LanePrompt, position: number): string {
  return prompt.map((lane) => lane[position]).join();
}

/** Tokens that all prompts share in every lane. */
function commonLength([first = [], ...rest]: readonly LanePrompt[]): number {
  let common = lengthOf(first);
  for (const prompt of rest) {
    first.forEach((lane, i) => (common = agreeUpTo(lane, prompt[i] ?? new Uint8Array(), common)));
  }
  return common;
}

function agreeUpTo(a: Tokens, b: Tokens, limit: number): number {
  const end = Math.min(limit, b.length);
  for (let i = 0; i < end; i++) if (a[i] !== b[i]) return i;
  return end;
}

function lengthOf(prompt: LanePrompt | undefined): number {
  return prompt?.[0]?.length ?? 0;
}

function checkPrompt(prompt: LanePrompt, number: number, lanes: number): void {
  const length = lengthOf(prompt);
  if (length === 0) throw new OptionError(`prompt ${number} has no tokens`);
  if (prompt.length !== lanes)
    throw new OptionError(`prompt ${number} has ${prompt.length} lanes, the first has ${lanes}`);
  const other = prompt.find((lane) => lane.length !== length);
  if (other) throw new OptionError(`the lanes of prompt ${number} have ${length} and ${other.length} tokens`);
}
