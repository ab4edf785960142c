import type { Rng } from "../../base/random.ts";
import { drawDistinct, drawPlaces } from "../draw.ts";
import { checkBytes, type RecallTask } from "../recall.ts";
import { stringMatchAll } from "./metric.ts";
import { hideInNoise, NOISE } from "./noise.ts";

const NAME = "vt";
const HOPS = 4;
const [NAME_LETTERS, EXAMPLE_LETTERS] = [5, 3];
/** The definition allows its example 500 tokens, but at least these lines of noise. */
const EXAMPLE_NOISE = 5;

/**
 * RULER's variable tracking (NVIDIA/RULER, scripts/data/synthetic/variable_tracking.py): one chain of five
 * assignments in noise, after a solved example with three-letter names. The example is as short as the definition
 * ever makes it, since a model of bytes pays for each of its letters.
 */
export const vtTask: RecallTask = {
  name: NAME,
  version: 1,
  // Below the definition's 30 tokens at four bytes: a space before each name, and a newline as after the example.
  answerBytes: (HOPS + 1) * (NAME_LETTERS + 1) + 1,
  readsText: false,
  minBytes: exampleLength() + blockLength(NAME_LETTERS, HOPS + 1),
  sample({ bytes, rng }) {
    checkBytes(vtTask, bytes);
    const example = drawBlock(rng, EXAMPLE_LETTERS, blockLength(EXAMPLE_LETTERS, EXAMPLE_NOISE));
    const solved = `${example.prompt}${writeAnswer(example.names)}\n`;
    const { prompt, names } = drawBlock(rng, NAME_LETTERS, bytes - solved.length);
    return { prompt: solved + prompt, references: names, answer: writeAnswer(names) };
  },
  score: stringMatchAll,
};

// --- internal ---

function writePrompt(context: string, value: string): string {
  return (
    `Memorize and track the chain(s) of variable assignment hidden in the following text.\n\n${context}\n` +
    `Question: Find all variables that are assigned the value ${value} in the text above. ` +
    `Answer: According to the chain(s) of variable assignment in the text above, ` +
    `${HOPS + 1} variables are assigned the value ${value}, they are: `
  );
}

function writeAnswer(names: readonly string[]): string {
  return ` ${names.join(" ")}\n`;
}

function writeChain(names: readonly string[], value: string): string[] {
  return names.map((name, i) => (i === 0 ? `VAR ${name} = ${value}` : `VAR ${name} = VAR ${names[i - 1] ?? ""} `));
}

/** A chain in as much noise as fits into the given bytes, and its question. */
function drawBlock(rng: Rng, letters: number, bytes: number): { prompt: string; names: string[] } {
  const names = drawDistinct(HOPS + 1, () => drawName(rng, letters));
  const value = String(10_000 + rng.integer(89_999));
  const room = bytes - writePrompt("", value).length;
  const context = hideInNoise(writeChain(names, value), room, (lines) => drawPlaces(lines, names.length, rng));
  return { prompt: writePrompt(context, value), names };
}

function drawName(rng: Rng, letters: number): string {
  return Array.from({ length: letters }, () => String.fromCharCode(65 + rng.integer(26))).join("");
}

/** Bytes of a chain in the given lines of noise with its question; names and values all have the same length. */
function blockLength(letters: number, noise: number): number {
  const chain = writeChain(Array<string>(HOPS + 1).fill("A".repeat(letters)), "0".repeat(5));
  const lines = [...Array<string>(noise).fill(NOISE), ...chain];
  return writePrompt(lines.join("\n"), "0".repeat(5)).length;
}

function exampleLength(): number {
  const answer = writeAnswer(Array<string>(HOPS + 1).fill("A".repeat(EXAMPLE_LETTERS)));
  return blockLength(EXAMPLE_LETTERS, EXAMPLE_NOISE) + answer.length + 1;
}
