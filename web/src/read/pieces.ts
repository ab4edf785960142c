/*
 * A text is read in pieces, and whether to stop is looked at between two. A piece has PIECE bytes, but for the first and the
 * last, and those around a hidden key.
 */

/** Bytes of a whole piece: a whole number of the blocks that a session reads at once. */
export const PIECE = 2048;

/** As many pieces are scored, at most: a chart shows no more. */
export const MOST_SCORED = 150;

/** Whether the whole piece that begins at a byte of a text is one to score: all are, or evenly spread ones. */
export function isScored(at: number, size: number): boolean {
  const [index, pieces] = [Math.floor(at / PIECE), Math.floor(size / PIECE)];
  const scored = Math.min(MOST_SCORED, pieces);
  return Math.floor(((index + 1) * scored) / pieces) > Math.floor((index * scored) / pieces);
}
