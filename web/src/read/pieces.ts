/*
 * A text is read in pieces, and the reader can stop between two. A piece has PIECE bytes, except the first, the last and those
 * around a hidden key.
 */

/** Bytes of a whole piece, a multiple of the blocks that a session reads at once. */
export const PIECE = 2048;

/** Most pieces that are scored: a chart shows no more. */
export const MOST_SCORED = 150;

/** Whether to score the whole piece that begins at a byte of a text: either all are scored, or evenly spread ones. */
export function isScored(at: number, size: number): boolean {
  const [index, pieces] = [Math.floor(at / PIECE), Math.floor(size / PIECE)];
  const scored = Math.min(MOST_SCORED, pieces);
  return Math.floor(((index + 1) * scored) / pieces) > Math.floor((index * scored) / pieces);
}
