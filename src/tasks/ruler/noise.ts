/** RULER's meaningless haystack; repeated, one per line. */
export const NOISE = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again.";

/** Noise with other lines inserted at ascending places, in at most `length` bytes. */
export function hideInNoise(lines: readonly string[], length: number, places: (lines: number) => number[]): string {
  const taken = lines.reduce((sum, line) => sum + line.length + 1, 0);
  const count = Math.floor((length + 1 - taken) / (NOISE.length + 1));
  return insertLines(Array<string>(count).fill(NOISE), lines, places(count)).join("\n");
}

/** The lines of a text with each of `added` before the line at its place; places ascend. */
export function insertLines(text: readonly string[], added: readonly string[], places: readonly number[]): string[] {
  const result = [...text];
  places.forEach((place, i) => result.splice(place + i, 0, ...added.slice(i, i + 1)));
  return result;
}
